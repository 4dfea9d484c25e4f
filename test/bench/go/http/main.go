// GET /dashboard/ID over the origins given, with net/http and errgroup: the answers parsed and merged, or with `bytes` before
// the origins, seen to be JSON and passed on as they are.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"muster/bench/errgroup"
)

const path = "/dashboard/"

var client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 128, MaxConnsPerHost: 128, DisableCompression: true}}

func ask(ctx context.Context, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, errors.New(response.Status)
	}
	if response.ContentLength < 0 {
		return io.ReadAll(io.LimitReader(response.Body, 10_000_000))
	}
	if response.ContentLength > 10_000_000 {
		return nil, errors.New("too long")
	}
	body := make([]byte, response.ContentLength)
	_, err = io.ReadFull(response.Body, body)
	return body, err
}

// all asks every origin and hands what each sent to use; the first failure cancels the others.
func all(ctx context.Context, origins []string, id string, use func(i int, body []byte) error) error {
	group, ctx := errgroup.WithContext(ctx)
	for i, origin := range origins {
		i, origin := i, origin
		group.Go(func() error {
			body, err := ask(ctx, origin+"/"+id)
			if err != nil {
				return err
			}
			return use(i, body)
		})
	}
	return group.Wait()
}

func parsed(ctx context.Context, origins []string, id string) ([]byte, error) {
	values := make([]any, len(origins))
	err := all(ctx, origins, id, func(i int, body []byte) error { return json.Unmarshal(body, &values[i]) })
	if err != nil {
		return nil, err
	}
	answer := make(map[string]any, len(values))
	for i, value := range values {
		answer["s"+strconv.Itoa(i)] = value
	}
	return json.Marshal(answer)
}

func passed(ctx context.Context, origins []string, id string) ([]byte, error) {
	bodies := make([][]byte, len(origins))
	err := all(ctx, origins, id, func(i int, body []byte) error {
		if !json.Valid(body) {
			return errors.New("not JSON")
		}
		bodies[i] = body
		return nil
	})
	if err != nil {
		return nil, err
	}
	var answer bytes.Buffer
	for i, body := range bodies {
		separator := byte(',')
		if i == 0 {
			separator = '{'
		}
		answer.WriteByte(separator)
		fmt.Fprintf(&answer, `"s%d":`, i)
		answer.Write(body)
	}
	answer.WriteByte('}')
	return answer.Bytes(), nil
}

func main() {
	how, origins := parsed, os.Args[2:]
	if os.Args[1] == "bytes" {
		how = passed
	}
	http.HandleFunc(path, func(response http.ResponseWriter, request *http.Request) {
		ctx, cancel := context.WithTimeout(request.Context(), 2*time.Second)
		defer cancel()
		body, err := how(ctx, origins, strings.TrimPrefix(request.URL.EscapedPath(), path))
		if err != nil {
			response.WriteHeader(http.StatusBadGateway)
			return
		}
		response.Header().Set("Content-Type", "application/json")
		response.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = response.Write(body)
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Printf("{\"port\":%d}\n", listener.Addr().(*net.TCPAddr).Port)
	panic(http.Serve(listener, nil))
}
