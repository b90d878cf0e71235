// A server in small: goroutines work on orders, the collector runs beside them, and runtime/pprof takes the profile.
//
//	shop PROFILE SECONDS [FUNCTION FACTOR]
//
// FUNCTION does FACTOR times the work it would do.
package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math/rand"
	"os"
	"runtime"
	"runtime/pprof"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"
)

type order struct {
	ID    int
	Names []string
	Cents []int
}

var (
	slow   string
	factor float64
)

type worker struct {
	random *rand.Rand
	rest   map[string]float64
	sink   int
}

// times says how often a function is to do its share now: 1, now and then 2 for the one that is slow.
func (w *worker) times(name string) int {
	due := w.rest[name] + 1
	if name == slow {
		due = w.rest[name] + factor
	}
	w.rest[name] = due - float64(int(due))
	return int(due)
}

//go:noinline
func (w *worker) newOrder() order {
	o := order{ID: w.random.Int()}
	for i := 0; i < 40; i++ {
		o.Names = append(o.Names, strconv.Itoa(w.random.Int()))
		o.Cents = append(o.Cents, w.random.Intn(100000))
	}
	return o
}

//go:noinline
func encode(o order) []byte {
	text, err := json.Marshal(o)
	if err != nil {
		panic(err)
	}
	return text
}

//go:noinline
func sign(text []byte) byte {
	var sum [32]byte
	for i := 0; i < 8; i++ {
		sum = sha256.Sum256(append(text, sum[:]...))
	}
	return sum[0]
}

//go:noinline
func sortNames(names []string) {
	for i := 0; i < 2; i++ {
		rand.Shuffle(len(names), func(a, b int) { names[a], names[b] = names[b], names[a] })
		sort.Strings(names)
	}
}

//go:noinline
func addTax(cents []int) int {
	sum := 0
	for round := 1; round < 110; round++ {
		for _, c := range cents {
			sum += c * round % 19
		}
	}
	return sum
}

//go:noinline
func match(names []string) int {
	found := 0
	for i := 0; i < 12; i++ {
		pattern := strconv.Itoa(i * 7)
		for _, name := range names {
			found += strings.Count(name, pattern)
		}
	}
	return found
}

func (w *worker) work(until time.Time) {
	for time.Now().Before(until) {
		var o order
		for n := w.times("newOrder"); n > 0; n-- {
			o = w.newOrder()
		}
		var text []byte
		for n := w.times("encode"); n > 0; n-- {
			text = encode(o)
		}
		for n := w.times("sign"); n > 0; n-- {
			w.sink += int(sign(text))
		}
		for n := w.times("sortNames"); n > 0; n-- {
			sortNames(o.Names)
		}
		for n := w.times("addTax"); n > 0; n-- {
			w.sink += addTax(o.Cents)
		}
		for n := w.times("match"); n > 0; n-- {
			w.sink += match(o.Names)
		}
	}
}

func main() {
	seconds, err := strconv.ParseFloat(os.Args[2], 64)
	if err != nil {
		panic(err)
	}
	if len(os.Args) == 5 {
		slow = os.Args[3]
		factor, _ = strconv.ParseFloat(os.Args[4], 64)
	}
	file, err := os.Create(os.Args[1])
	if err != nil {
		panic(err)
	}
	// The profiler's own 100 a second are few for a short run; it complains and keeps this rate.
	runtime.SetCPUProfileRate(250)
	if err := pprof.StartCPUProfile(file); err != nil {
		panic(err)
	}
	until := time.Now().Add(time.Duration(seconds * float64(time.Second)))
	var all sync.WaitGroup
	for i := 0; i < 2; i++ {
		w := &worker{random: rand.New(rand.NewSource(time.Now().UnixNano() + int64(i))), rest: map[string]float64{}}
		all.Add(1)
		go func() {
			defer all.Done()
			w.work(until)
			fmt.Fprintln(os.Stderr, w.sink)
		}()
	}
	all.Wait()
	pprof.StopCPUProfile()
	file.Close()
}
