// The work of the bench in process, as one writes it in Go. Reads what to do from lines, and answers each with a line:
//
//	gather N TIMES  microseconds of CPU for TIMES aggregations of N sources that answer at once
//	failfast N      milliseconds from the failure of one of N to the answer, and to the last of the others being told
//	memory N        bytes of heap and stacks for each of N sources in flight
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"

	"muster/bench/errgroup"
)

type source struct {
	name string
	ask  func(context.Context) (int, error)
}

func gather(sources []source) (map[string]int, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	values := make([]int, len(sources))
	for i, source := range sources {
		i, source := i, source
		group.Go(func() error {
			value, err := source.ask(ctx)
			values[i] = value
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	answer := make(map[string]int, len(sources))
	for i, source := range sources {
		answer[source.name] = values[i]
	}
	return answer, nil
}

func all(n int, ask func(i int) func(context.Context) (int, error)) []source {
	sources := make([]source, n)
	for i := range sources {
		sources[i] = source{fmt.Sprintf("s%d", i), ask(i)}
	}
	return sources
}

func spent() int64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return (usage.Utime.Nano() + usage.Stime.Nano()) / 1000
}

var sources []source

func cost(n, times int) int64 {
	if len(sources) != n {
		sources = all(n, func(i int) func(context.Context) (int, error) {
			return func(ctx context.Context) (int, error) { return i, ctx.Err() }
		})
	}
	before := spent()
	for ; times > 0; times-- {
		if answer, err := gather(sources); err != nil || len(answer) != n {
			panic("not what was asked")
		}
	}
	return spent() - before
}

func failFast(n int) (back, clean float64) {
	var failed, told time.Time
	left := int64(n - 1)
	hanging := func(ctx context.Context) (int, error) {
		<-ctx.Done()
		if atomic.AddInt64(&left, -1) == 0 {
			told = time.Now()
		}
		return 0, ctx.Err()
	}
	failing := func(context.Context) (int, error) {
		time.Sleep(20 * time.Millisecond)
		failed = time.Now()
		return 0, errors.New("no")
	}
	sources := all(n, func(i int) func(context.Context) (int, error) {
		if i == 0 {
			return failing
		}
		return hanging
	})
	_, _ = gather(sources)
	millis := func(t time.Time) float64 { return float64(t.Sub(failed).Microseconds()) / 1000 }
	return millis(time.Now()), millis(told)
}

func held(n int) float64 {
	used := func() float64 {
		var stats runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&stats)
		return float64(stats.HeapAlloc + stats.StackInuse)
	}
	never := func(ctx context.Context) (int, error) {
		<-ctx.Done()
		return 0, ctx.Err()
	}
	// The same source each time: its own size is not what is measured.
	sources := make([]source, n)
	for i := range sources {
		sources[i] = source{"source", never}
	}
	before := used()
	go func() { _, _ = gather(sources) }()
	time.Sleep(500 * time.Millisecond)
	return (used() - before) / float64(n)
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var what string
		var n, times int
		_, _ = fmt.Sscan(lines.Text(), &what, &n, &times)
		switch what {
		case "gather":
			fmt.Println(cost(n, times))
		case "failfast":
			fmt.Println(failFast(n))
		case "memory":
			fmt.Println(held(n))
		}
	}
}
