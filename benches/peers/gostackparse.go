// Reads a goroutine dump with github.com/DataDog/gostackparse and counts what it gives.
package main

import (
	"fmt"
	"os"

	"github.com/DataDog/gostackparse"
)

func main() {
	file, err := os.Open(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goroutines, errs := gostackparse.Parse(file)
	fmt.Printf("%d goroutines, %d errors\n", len(goroutines), len(errs))
}
