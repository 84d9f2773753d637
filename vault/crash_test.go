//go:build !windows

package vault

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// children are what the test binary does when it is run as a child.
func children() map[string]func(string) error {
	return map[string]func(string) error{"writer": writer, "limited": limited, "counted": counted,
		"rekey": replacer("rekey"), "compact": replacer("compact"), "restore": replacer("restore"), "add": replacer("add")}
}

func childCommand(role, path string, before ...string) *exec.Cmd {
	argv := append(before, os.Args[0])
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), childEnv+"="+role, "VAULT_TEST_PATH="+path,
		"GORACE=atexit_sleep_ms=0") // or each child stays for a second
	cmd.Stderr = os.Stderr
	return cmd
}

// writer writes for ever, and says each number once it is on disk.
func writer(path string) error {
	v, err := Open(Options{Path: path, JournalMax: 50})
	if err != nil {
		return err
	}
	for n := v.Newest() + 1; ; n++ {
		if err := writeNumber(v, n); err != nil {
			return err
		}
		if _, err := fmt.Println(n); err != nil {
			return err
		}
	}
}

// writeNumber puts a number into three places in one transaction.
func writeNumber(v *File, n uint64) error {
	return v.Update(func(tx Tx) error {
		text := strconv.FormatUint(n, 10)
		for _, key := range []string{"latest", "slot" + strconv.FormatUint(n%40, 10)} {
			r, err := tx.Get("n", key)
			if err != nil && !errors.Is(err, ErrNotFound) {
				return err
			}
			if _, err := tx.Put("n", key, []byte(text+strings.Repeat(".", int(n*37%3000))), r.Revision); err != nil {
				return err
			}
		}
		id, err := tx.Append(noon, []byte(text))
		if err == nil && id != n {
			err = fmt.Errorf("entry %d for number %d", id, n)
		}
		return err
	})
}

// readNumber returns the number, and an error where the three differ.
func readNumber(v *File) (n uint64, err error) {
	err = v.View(func(tx Tx) error {
		n = tx.Newest()
		if n == 0 {
			return nil
		}
		es, err := tx.Events(n-1, 1)
		if err != nil {
			return err
		}
		for _, key := range []string{"latest", "slot" + strconv.FormatUint(n%40, 10)} {
			r, err := tx.Get("n", key)
			if err != nil {
				return err
			}
			if text := strings.TrimRight(string(r.Value), "."); text != string(es[0].Value) || text != strconv.FormatUint(n, 10) {
				return fmt.Errorf("%s holds %s, entry %d %s", key, text, n, es[0].Value)
			}
		}
		return nil
	})
	return n, err
}

func TestKilledAtRandom(t *testing.T) {
	rounds := 30
	if testing.Short() {
		rounds = 5
	}
	o := options(t)
	o.LockTimeout = time.Minute
	var acked, total uint64
	for round := range rounds {
		last := killWriter(t, o.Path, 1+rand.IntN(25))
		if last < acked {
			t.Fatalf("round %d: the writer said nothing", round)
		}
		total += last - acked
		acked = last
		v, err := Open(o)
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		check(t, v)
		n, err := readNumber(v)
		// The one after the last may be on disk without its word having come.
		if err != nil || n < acked || n > acked+1 {
			t.Fatalf("round %d: %d was on disk, now %d, %v", round, acked, n, err)
		}
		acked = n
		if err := v.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d writes acknowledged over %d kills", total, rounds)
}

// killWriter lets a writer say some numbers, kills it a moment later and
// returns the last number that it said.
func killWriter(t *testing.T, path string, lines int) (last uint64) {
	t.Helper()
	cmd := childCommand("writer", path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	sc := bufio.NewScanner(out)
	for range lines {
		if !sc.Scan() {
			break
		}
		last, _ = strconv.ParseUint(sc.Text(), 10, 64)
	}
	_ = cmd.Process.Kill()
	for sc.Scan() { // what it said before it died
		last, _ = strconv.ParseUint(sc.Text(), 10, 64)
	}
	_ = cmd.Wait()
	return last
}

// limited runs into a limit of the file's size, as into a full disk.
func limited(path string) error {
	signal.Ignore(unix.SIGXFSZ)
	v, err := Open(Options{Path: path})
	if err != nil {
		return err
	}
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &was); err != nil {
		return err
	}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 128 << 10, Max: was.Max}); err != nil {
		return err
	}
	n := uint64(0)
	for ; err == nil && n < 1000; n++ {
		err = v.Update(func(tx Tx) error {
			_, err := tx.Put("k", strconv.FormatUint(n, 10), make([]byte, 5000), 0)
			return err
		})
	}
	if e, ok := errors.AsType[*Error](err); !ok || !errors.Is(err, ErrNoSpace) || e.Path != path {
		return fmt.Errorf("the full disk gave: %v", err)
	}
	// All that was acknowledged is there, the one that failed is not.
	if got := v.Info().Records["k"]; got != int(n-1) {
		return fmt.Errorf("%d records, want %d", got, n-1)
	}
	if err := v.Verify(); err != nil {
		return err
	}
	r, err := get(v, "k", "0")
	if err != nil {
		return err
	}
	// Room can be made.
	if err := v.Update(func(tx Tx) error { return tx.Delete("k", "0", r.Revision) }); err != nil {
		return fmt.Errorf("delete: %w", err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &was); err != nil {
		return err
	}
	if err := v.Writable(); err != nil {
		return err
	}
	for i := range 20 {
		err := v.Update(func(tx Tx) error {
			_, err := tx.Put("later", strconv.Itoa(i), make([]byte, 5000), 0)
			return err
		})
		if err != nil {
			return fmt.Errorf("with room again: %w", err)
		}
	}
	return errors.Join(v.Verify(), v.Close())
}

func TestFullDisk(t *testing.T) {
	o := options(t)
	_ = mustOpen(t, o).Close()
	if err := childCommand("limited", o.Path).Run(); err != nil {
		t.Fatal(err)
	}
	check(t, mustOpen(t, o))
}

// counted tries ten writes and says of each whether it is on disk.
func counted(path string) error {
	runtime.LockOSThread() // the injected fault is counted by thread
	v, err := Open(Options{Path: path})
	if err != nil {
		return err
	}
	for i := range 10 {
		key := strconv.Itoa(i)
		err := v.Update(func(tx Tx) error {
			_, err := tx.Put("k", key, []byte("x"), 0)
			return err
		})
		switch {
		case err == nil:
			fmt.Println("+" + key)
		case errors.Is(err, ErrStorage):
			fmt.Println("-" + key)
		default:
			return err
		}
	}
	select {
	case <-v.Failed():
		if !errors.Is(v.Err(), ErrStorage) {
			return fmt.Errorf("given up without a reason: %v", v.Err())
		}
		fmt.Println("given-up")
	default:
		if v.Err() != nil {
			return fmt.Errorf("nobody was told of %w", v.Err())
		}
	}
	return v.Close()
}

// The flush fails. A commit makes two: of the pages, then of the header. After
// the first, nothing has happened; after the second, the header may or may not
// be on disk, and either it gets there after all or the vault is given up.
func TestFlushFails(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil || runtime.GOOS != "linux" {
		t.Skip("no strace")
	}
	tests := []struct {
		name, when, said string
	}{
		{"of pages", "5", "+0 +1 -2 +3 +4 +5 +6 +7 +8 +9"},
		{"of a header", "6", "+0 +1 +2 +3 +4 +5 +6 +7 +8 +9"},
		{"of pages, then always", "5+", "+0 +1 -2 -3 -4 -5 -6 -7 -8 -9"},
		{"of a header, then always", "6+", "+0 +1 -2 -3 -4 -5 -6 -7 -8 -9 given-up"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := options(t)
			_ = mustOpen(t, o).Close()
			cmd := childCommand("counted", o.Path, strace, "-f", "-qq", "-o", os.DevNull,
				"-e", "trace=fdatasync", "-e", "inject=fdatasync:error=EIO:when="+tt.when)
			out, err := cmd.Output()
			if err != nil && len(out) == 0 {
				t.Skipf("strace may not trace here: %v", err)
			}
			said := strings.Fields(string(out))
			if got := strings.Join(said, " "); got != tt.said {
				t.Errorf("said %s, want %s", got, tt.said)
			}
			v := mustOpen(t, o)
			check(t, v)
			for _, word := range said {
				_, err := get(v, "k", word[1:])
				// Of the last one before the vault was given up nobody knows.
				unknown := tt.when == "6+" && word == "-2"
				if kept := err == nil; kept != (word[0] == '+') && !unknown {
					t.Errorf("%s, but after a restart: %v", word, err)
				}
			}
		})
	}
}
