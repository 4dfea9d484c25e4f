// Package errgroup is what golang.org/x/sync/errgroup is without a limit, so that the bench builds without a network:
// a WaitGroup, the first error, and a context that it cancels.
package errgroup

import (
	"context"
	"sync"
)

type Group struct {
	cancel context.CancelFunc
	tasks  sync.WaitGroup
	once   sync.Once
	err    error
}

func WithContext(ctx context.Context) (*Group, context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	return &Group{cancel: cancel}, ctx
}

// Go runs the task in a goroutine; the first that fails cancels the others.
func (g *Group) Go(task func() error) {
	g.tasks.Add(1)
	go func() {
		defer g.tasks.Done()
		if err := task(); err != nil {
			g.once.Do(func() {
				g.err = err
				g.cancel()
			})
		}
	}()
}

// Wait returns when all have ended.
func (g *Group) Wait() error {
	g.tasks.Wait()
	g.cancel()
	return g.err
}
