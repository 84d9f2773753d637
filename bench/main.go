//go:build linux

// Command bench measures a keeper with many accounts beside the least that the same
// work takes on the same machine, and prints one table.
//
// Usage, in the root of the repository, on a machine that does nothing else:
//
//	go run ./bench [-accounts 100,10000] [-rounds 15] [-only REGEXP] [-program FILE] [-update PAGE]
//
// It builds the program, starts the simulator of the site, imports the accounts
// and measures. Every figure stands beside a floor that is measured in the same run,
// round by round in turn, so that what disturbs one disturbs the other: an empty
// handler of net/http on a Unix socket in a process of its own, a client that makes
// the same requests and keeps nothing, one durable put of the same bytes, a Go program
// that does nothing. Medians are given, and how far apart the quartiles are. Other
// programs that hand out secrets are measured beside it, those that are installed.
//
// It is not shipped and no test runs it. What is a figure of one package belongs to
// that package's own benchmarks.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"strconv"
	"strings"
	"syscall"
)

func main() {
	if len(os.Args) > 1 {
		if role, ok := roles()[os.Args[1]]; ok {
			end(role(os.Args[2:]))
			return
		}
	}
	o := options{}
	accounts := flag.String("accounts", "100,10000", "`numbers` of accounts, ascending")
	only := flag.String("only", "", "measure what matches this `regexp` alone")
	flag.IntVar(&o.rounds, "rounds", 15, "how often each figure is measured")
	flag.StringVar(&o.program, "program", "", "the bilikeeper to measure; built from this tree without it")
	flag.StringVar(&o.page, "update", "", "the `page` whose figures these take the place of, docs/performance.md")
	flag.Parse()
	var err error
	if o.only, err = regexp.Compile(*only); err != nil {
		end(err)
	}
	for text := range strings.SplitSeq(*accounts, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			end(fmt.Errorf("-accounts: %q is no number of accounts", text))
		}
		o.accounts = append(o.accounts, n)
	}
	end(run(o))
}

// roles are what this program does in processes of its own.
func roles() map[string]func(args []string) error {
	return map[string]func([]string) error{"handler": emptyHandler, "client": bareClient}
}

func end(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type options struct {
	accounts []int
	rounds   int
	only     *regexp.Regexp
	program  string
	page     string
}

func run(o options) error {
	machine := describe()
	b, err := prepare(o)
	if err != nil {
		return err
	}
	defer b.clear()
	stopped := make(chan os.Signal, 1)
	signal.Notify(stopped, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-stopped
		_ = os.RemoveAll(b.dir)
		os.Exit(1) // the processes end with this one
	}()
	failed := b.measureAll()
	var out strings.Builder
	fmt.Fprintf(&out, "%s By `%s`.\n\n", machine, strings.Join(append([]string{"go run ./bench"}, os.Args[1:]...), " "))
	b.table.print(&out)
	if len(b.missing) > 0 {
		fmt.Fprintf(&out, "\nNot measured, because it is not installed: %s.\n", strings.Join(b.missing, ", "))
	}
	if failed == nil && o.page != "" {
		failed = update(o.page, out.String()+"\n")
	}
	_, _ = os.Stdout.WriteString(out.String()) // what there is, also where something failed
	return failed
}

func (b *bench) measureAll() error {
	for _, n := range b.accounts {
		if err := b.measure(n); err != nil {
			return fmt.Errorf("with %d accounts: %w", n, err)
		}
	}
	b.growth()
	return b.configured(b.accounts[len(b.accounts)-1])
}

// measure measures all that a keeper with n accounts shows.
func (b *bench) measure(n int) error {
	if err := b.fill(n); err != nil {
		return fmt.Errorf("import: %w", err)
	}
	for _, part := range []struct {
		name string
		do   func(n int) error
	}{
		{"memory", b.memory}, {"start", b.starts}, {"reading", b.readings}, {"crowd", b.crowd}, {"command", b.commands},
		{"status", b.status}, {"change", writing{b}.changes}, {"checks", checking{b}.checks}, {"due", b.due}, {"outputs", b.outputs},
		{"watchers", b.watchers}, {"peers", b.peers}, {"hosts", (&team{bench: b}).hosts},
	} {
		if !b.only.MatchString(part.name) {
			continue
		}
		fmt.Fprintf(os.Stderr, "%d accounts: %s\n", n, part.name)
		if err := part.do(n); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	return b.keeper.stop()
}

// with gives what must hold for few accounts, and what for ten thousand.
func with(n int, few, many string) string {
	switch {
	case n <= 100:
		return few
	case n == 10_000:
		return many
	}
	return ""
}
