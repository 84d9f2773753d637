//go:build !windows

package bolt

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/vault/fault"
)

const childEnv = "BOLT_TEST_CHILD"

// children are what the test binary does when it is run as a child.
var children = map[string]func(path string) error{"crowd": crowd, "flushes": flushes}

func TestMain(m *testing.M) {
	if child := children[os.Getenv(childEnv)]; child != nil {
		if err := child(os.Getenv("BOLT_TEST_PATH")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func childCommand(role, path string, before ...string) *exec.Cmd {
	argv := append(before, os.Args[0])
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), childEnv+"="+role, "BOLT_TEST_PATH="+path, "GORACE=atexit_sleep_ms=0")
	cmd.Stderr = os.Stderr
	return cmd
}

var numbers = Bucket{Name: "numbers"}

// built makes a file with a bucket and returns its path.
func built(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "test.db")
	if err := Build("create", path, path, func(tx *Tx) error { return tx.Make(numbers.Name) }); err != nil {
		t.Fatal(err)
	}
	return path
}

func opened(t testing.TB, path string) *File {
	t.Helper()
	f, err := Open(path, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func (f *File) number(key string) (n int) {
	_ = f.View("test", func(tx *Tx) error {
		value, err := tx.Get(numbers, []byte(key))
		n, _ = strconv.Atoi(string(value))
		return err
	})
	return n
}

// held lets fn start changes while another one is written, and lets that end when so
// many wait.
func (f *File) held(waiting int, fn func()) {
	begun, release := make(chan struct{}), make(chan struct{})
	var first sync.WaitGroup
	first.Go(func() {
		_ = f.Update("hold", func(*Tx) error { close(begun); <-release; return nil })
	})
	<-begun
	fn()
	for {
		f.group.mu.Lock()
		n := len(f.group.waiting)
		f.group.mu.Unlock()
		if n >= waiting {
			break
		}
		runtime.Gosched()
	}
	close(release)
	first.Wait()
}

// TestOneTransaction: those that wait share a transaction, in their order, and nobody
// is told of it before all is seen; one that panics gets its panic, one that fails its
// error.
func TestOneTransaction(t *testing.T) {
	const n = 30
	f := opened(t, built(t))
	var mu sync.Mutex // guards what follows
	var ran, seen []int
	var ids []int
	var all sync.WaitGroup
	outcomes := make([]error, n)
	f.held(n, func() {
		for i := range n {
			all.Go(func() {
				defer func() {
					if p := recover(); p != nil {
						outcomes[i] = fmt.Errorf("panic %v", p)
					}
				}()
				outcomes[i] = f.Update("test", func(tx *Tx) error {
					if err := tx.Put(numbers, []byte(fmt.Sprint("n", i)), []byte("1")); err != nil {
						return err
					}
					switch i % 10 {
					case 3:
						return fmt.Errorf("error %d", i)
					case 7:
						panic(i)
					}
					mu.Lock()
					defer mu.Unlock()
					ran, ids = append(ran, i), append(ids, tx.b.ID())
					tx.OnCommit(func() { seen = append(seen, i) })
					return nil
				})
				mu.Lock()
				defer mu.Unlock()
				if outcomes[i] == nil && len(seen) < n*8/10 {
					t.Errorf("%d is told before all is seen", i)
				}
			})
			for { // the next comes after it
				f.group.mu.Lock()
				there := len(f.group.waiting) > i
				f.group.mu.Unlock()
				if there {
					break
				}
				runtime.Gosched()
			}
		}
	})
	all.Wait()
	if !slices.IsSorted(ran) || !slices.Equal(ran, seen) || len(ran) != n*8/10 {
		t.Errorf("ran %v, seen %v", ran, seen)
	}
	if slices.Min(ids) != slices.Max(ids) {
		t.Errorf("transactions %v", ids)
	}
	for i, err := range outcomes {
		want := [10]string{3: fmt.Sprint("error ", i), 7: fmt.Sprint("panic ", i)}[i%10]
		if got := fmt.Sprint(err); got != want && (want != "" || err != nil) {
			t.Errorf("%d ended with %v, want %q", i, err, want)
		}
		if there := f.number(fmt.Sprint("n", i)) == 1; there != (err == nil) {
			t.Errorf("%d ended with %v and is there: %v", i, err, there)
		}
	}
}

// crowd writes for ever with many at once, each its own numbers, and says each once it
// is on disk. Every third fails.
func crowd(path string) error {
	f, err := Open(path, 5*time.Second)
	if err != nil {
		return err
	}
	failed := errors.New("as it should")
	var mu sync.Mutex // guards the output
	ended := make(chan error)
	for w := range 16 {
		go func() {
			key := fmt.Sprint("w", w)
			for n := f.number(key) + 1; ; n++ {
				err := f.Update("test", func(tx *Tx) error {
					if err := tx.Put(numbers, []byte(key), fmt.Append(nil, -n)); err != nil || n%3 == 0 && rand.IntN(2) == 0 {
						return errors.Join(err, failed)
					}
					return tx.Put(numbers, []byte(key), fmt.Append(nil, n))
				})
				if errors.Is(err, failed) {
					n--
					continue
				}
				if err == nil {
					mu.Lock()
					_, err = fmt.Println(w, n)
					mu.Unlock()
				}
				if err != nil {
					ended <- err
				}
			}
		}()
	}
	return <-ended
}

// TestCrowdKilled: whatever returned nil is there after a kill, of each that waited.
func TestCrowdKilled(t *testing.T) {
	rounds := 25
	if testing.Short() {
		rounds = 5
	}
	path := built(t)
	acked := [16]int{}
	total := 0
	for round := range rounds {
		cmd := childCommand("crowd", path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		sc := bufio.NewScanner(out)
		for lines := rand.IntN(600); sc.Scan(); lines-- {
			var w, n int
			if _, err := fmt.Sscan(sc.Text(), &w, &n); err == nil {
				acked[w] = max(acked[w], n)
				total++
			}
			if lines == 0 {
				_ = cmd.Process.Kill()
			}
		}
		_ = cmd.Wait()
		f, err := Open(path, 5*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		for w, n := range acked {
			// The next may be on disk without its word having come.
			if got := f.number(fmt.Sprint("w", w)); got < n || got > n+1 {
				t.Fatalf("round %d: writer %d had said %d, there is %d", round, w, n, got)
			} else {
				acked[w] = got
			}
		}
		if err := errors.Join(f.Verify(func(*Tx) error { return nil }), f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d writes acknowledged over %d kills", total, rounds)
}

// flushes writes two numbers, then five at once on this thread, then one more, and
// says of each whether it is on disk.
func flushes(path string) error {
	runtime.LockOSThread() // the injected fault is counted by thread
	f, err := Open(path, time.Second)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	var mu sync.Mutex // guards the output
	try := func(key string) {
		err := f.Update("test", func(tx *Tx) error { return tx.Put(numbers, []byte(key), []byte("1")) })
		mu.Lock()
		defer mu.Unlock()
		switch {
		case err == nil:
			fmt.Println("+" + key)
		case errors.Is(err, fault.ErrStorage):
			fmt.Println("-" + key)
		default:
			fmt.Println("?"+key, err)
		}
	}
	try("0")
	try("1")
	begun, release := make(chan struct{}), make(chan struct{})
	go func() { _ = f.Update("hold", func(*Tx) error { close(begun); <-release; return nil }) }()
	<-begun
	var others sync.WaitGroup
	go func() {
		for { // until this thread leads
			f.group.mu.Lock()
			n := len(f.group.waiting)
			f.group.mu.Unlock()
			if n == 1 {
				break
			}
			runtime.Gosched()
		}
		for i := range 4 {
			others.Go(func() { try(fmt.Sprint("g", i)) })
		}
		for {
			f.group.mu.Lock()
			n := len(f.group.waiting)
			f.group.mu.Unlock()
			if n == 5 {
				break
			}
			runtime.Gosched()
		}
		close(release)
	}()
	try("lead")
	others.Wait()
	try("last")
	return nil
}

// TestFlushFailsForAll: where the one flush of many fails, each of them is told so, and
// none is there; where it arrives after all, all are.
func TestFlushFailsForAll(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil || runtime.GOOS != "linux" {
		t.Skip("no strace")
	}
	for _, tt := range []struct{ name, when, said string }{
		{"of pages", "5", "+0 +1 +last -g0 -g1 -g2 -g3 -lead"},
		{"of a header", "6", "+0 +1 +g0 +g1 +g2 +g3 +last +lead"},
		{"of pages, then always", "5+", "+0 +1 -g0 -g1 -g2 -g3 -last -lead"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := built(t)
			cmd := childCommand("flushes", path, strace, "-f", "-qq", "-o", os.DevNull,
				"-e", "trace=fdatasync", "-e", "inject=fdatasync:error=EIO:when="+tt.when)
			out, err := cmd.Output()
			if err != nil && len(out) == 0 {
				t.Skipf("strace may not trace here: %v", err)
			}
			said := strings.Fields(string(out))
			slices.Sort(said)
			if got := strings.Join(said, " "); got != tt.said {
				t.Errorf("said %s, want %s", got, tt.said)
			}
			f := opened(t, path)
			for _, word := range said {
				if there := f.number(word[1:]) == 1; there != (word[0] == '+') {
					t.Errorf("%s, and it is there: %v", word, there)
				}
			}
		})
	}
}

// TestLeft: changes that share a transaction leave one another something, which is put
// away once behind all of them; what is undone leaves nothing.
func TestLeft(t *testing.T) {
	const n = 20
	for name, trouble := range map[string]error{"written": nil, "not written": errors.New("no room")} {
		t.Run(name, func(t *testing.T) {
			f := opened(t, built(t))
			outcomes := make([]error, n)
			var ran int
			var all sync.WaitGroup
			f.held(n, func() {
				for i := range n {
					all.Go(func() {
						outcomes[i] = f.Update("test", func(tx *Tx) error {
							so, _ := tx.Left().(int)
							if err := tx.Put(numbers, fmt.Append(nil, i), []byte("1")); err != nil || i%5 == 0 {
								return errors.Join(err, errors.New("undone"))
							}
							tx.Leave(so+1, func(tx *Tx) error {
								ran++
								return errors.Join(trouble, tx.Put(numbers, []byte("so far"), fmt.Append(nil, so+1)))
							})
							return nil
						})
					})
				}
			})
			all.Wait()
			want := n - n/5
			if trouble != nil {
				want = 0
			}
			if got := f.number("so far"); got != want || ran != 1 {
				t.Errorf("%d were left, put away %d times; want %d, once", got, ran, want)
			}
			for i, err := range outcomes {
				if failed := trouble != nil || i%5 == 0; (err != nil) != failed || (f.number(fmt.Sprint(i)) == 0) != failed {
					t.Errorf("change %d came to %v, its value is %d", i, err, f.number(fmt.Sprint(i)))
				}
			}
			// The next transaction begins without.
			if err := f.Update("test", func(tx *Tx) error {
				if left := tx.Left(); left != nil {
					t.Errorf("%v is left", left)
				}
				return nil
			}); err != nil {
				t.Error(err)
			}
		})
	}
}
