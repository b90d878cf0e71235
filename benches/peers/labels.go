// Writes the goroutine profile of 100,000 goroutines, each with a label of its own, as the runtime's protobuf.
package main

import (
	"context"
	"os"
	"runtime/pprof"
	"strconv"
	"sync"
)

func wait(done chan struct{}, ready *sync.WaitGroup) {
	ready.Done()
	<-done
}

func main() {
	done, ready := make(chan struct{}), new(sync.WaitGroup)
	for i := 0; i < 100_000; i++ {
		ready.Add(1)
		go pprof.Do(context.Background(), pprof.Labels("request", strconv.Itoa(i)), func(context.Context) {
			wait(done, ready)
		})
	}
	ready.Wait()
	file, err := os.Create(os.Args[1])
	if err != nil {
		panic(err)
	}
	if err := pprof.Lookup("goroutine").WriteTo(file, 0); err != nil {
		panic(err)
	}
	if err := file.Close(); err != nil {
		panic(err)
	}
}
