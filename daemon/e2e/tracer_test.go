//go:build linux && amd64 && faults

package e2e_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

// diskCall is a kind of system call by which the vault reaches the disk.
type diskCall string

const (
	diskWrite diskCall = "write" // pwrite64
	diskSync  diskCall = "sync"  // fdatasync, fsync
)

func diskCallOf(number uint64) (diskCall, bool) {
	switch number {
	case unix.SYS_PWRITE64:
		return diskWrite, true
	case unix.SYS_FDATASYNC, unix.SYS_FSYNC:
		return diskSync, true
	}
	return "", false
}

// fault is what happens to the disk calls of a kind from the n-th on, counted
// over the whole program from the moment the tracer is attached.
type fault struct {
	Call diskCall
	N    int
	// once spares the calls after the n-th.
	Once bool
	// errno is what a call gets instead of being done; 0 kills the program
	// instead, right before the call, or after it.
	Errno unix.Errno
	After bool
}

func (f fault) String() string {
	what := "killed before"
	switch {
	case f.Errno == unix.ENOSPC:
		what = "full disk at"
	case f.Errno != 0:
		what = "broken disk at"
	case f.After:
		what = "killed after"
	}
	if f.Errno != 0 && !f.Once {
		what += " and after"
	}
	return fmt.Sprintf("%s %s %d", what, f.Call, f.N)
}

// tracerEnv makes the test binary a tracer instead: it holds a fault. The tracer
// is a process of its own because a parent that waits for its child's end takes
// away what a tracer in the same process has to see.
const tracerEnv = "BILIKEEPER_TEST_TRACER"

func init() {
	text := os.Getenv(tracerEnv)
	if text == "" {
		return
	}
	tr := &tracer{counted: map[diskCall]int{}, threads: map[int]thread{}}
	err := json.Unmarshal([]byte(text), &tr.order)
	if err == nil {
		runtime.LockOSThread() // a traced thread belongs to the very thread that traces it
		err = tr.seize()
	}
	if err == nil {
		go func() {
			if n, _ := os.Stdin.Read(make([]byte, 1)); n > 0 {
				tr.over.Store(true)
				fmt.Println("healed")
			}
		}()
		fmt.Println("attached")
		err = tr.run()
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(tr.hits, tr.counted[diskWrite], tr.counted[diskSync])
	os.Exit(0)
}

// order is what a tracer is told to do.
type order struct {
	PID   int
	Fault fault
}

// tampering is a tracer as the test sees it.
type tampering struct {
	t     testing.TB
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines *bufio.Reader
	last  string // what the tracer left, where that is known before its end
}

// tamper begins to count the keeper's disk calls, and returns when no thread of
// it can call the disk unseen.
func (s *stage) tamper(f fault) *tampering {
	s.t.Helper()
	text, err := json.Marshal(order{s.keeper.pid(), f})
	if err != nil {
		s.t.Fatal(err)
	}
	tm := &tampering{t: s.t, cmd: exec.Command(os.Args[0])}
	tm.cmd.Env = append(environment(), tracerEnv+"="+string(text))
	tm.stdin, err = tm.cmd.StdinPipe()
	out, err2 := tm.cmd.StdoutPipe()
	if err := errors.Join(err, err2, tm.cmd.Start()); err != nil {
		s.t.Fatal(err)
	}
	tm.lines = bufio.NewReader(out)
	if line, err := tm.lines.ReadString('\n'); line != "attached\n" {
		if strings.Contains(line, unix.EPERM.Error()) {
			s.t.Skip("SKIPPED: this machine does not let a process be traced")
		}
		s.t.Fatalf("the keeper cannot be traced: %s%v", line, err)
	}
	return tm
}

// mustTrace skips the test where nothing may be traced.
func mustTrace(t *testing.T) {
	t.Helper()
	may := false
	t.Run("tracing", func(t *testing.T) {
		s := newStage(t, nil)
		s.configure(settings{schedule: "@every 1h", refresh: true})
		s.start()
		tm := s.tamper(fault{Call: diskWrite, N: 1 << 30})
		may = true
		s.stop()
		tm.end()
	})
	if !may {
		t.SkipNow()
	}
}

// heal ends the fault before it returns; the counting goes on.
func (tm *tampering) heal() {
	// A keeper that has ended has no faults any more, and no tracer.
	if _, err := tm.stdin.Write([]byte{'\n'}); err != nil && !errors.Is(err, unix.EPIPE) {
		tm.t.Errorf("the fault does not end: %v", err)
	}
	if line, _ := tm.lines.ReadString('\n'); line != "healed\n" {
		tm.last = line
	}
}

// end waits for the tracer, which ends with the keeper, and returns how often
// the fault struck, and how many calls of each kind there were.
func (tm *tampering) end() (hits, writes, syncs int) {
	tm.t.Helper()
	line := tm.last
	if line == "" {
		line, _ = tm.lines.ReadString('\n')
	}
	_, err := fmt.Sscan(line, &hits, &writes, &syncs)
	if err := errors.Join(err, tm.cmd.Wait()); err != nil {
		tm.t.Errorf("the tracer failed: %v, %s", err, line)
	}
	return hits, writes, syncs
}

// tracer stands between a running keeper and the disk. It does what strace's
// -e inject= does, but strace counts the calls of each thread by itself, and in
// a Go program every commit may run on another thread.
type tracer struct {
	order
	over    atomic.Bool // the disk is well again
	hits    int
	counted map[diskCall]int
	threads map[int]thread
}

// thread is what a thread is in the middle of.
type thread struct {
	inside bool       // a system call
	errno  unix.Errno // what it is to get
	kill   bool
}

// seize takes hold of all threads.
func (tr *tracer) seize() error {
	for {
		before := len(tr.threads)
		tasks, err := os.ReadDir(filepath.Join("/proc", strconv.Itoa(tr.PID), "task"))
		if err != nil {
			return err
		}
		for _, task := range tasks {
			id, _ := strconv.Atoi(task.Name())
			if _, known := tr.threads[id]; known {
				continue
			}
			if err := tr.hold(id); err != nil {
				return fmt.Errorf("thread %d: %w", id, err)
			}
		}
		if len(tr.threads) == before {
			break
		}
	}
	for id := range tr.threads {
		if err := unix.PtraceSyscall(id, 0); err != nil {
			return err
		}
	}
	return nil
}

// hold stops a thread where it is.
func (tr *tracer) hold(id int) error {
	if err := unix.PtraceSeize(id); err != nil {
		return err
	}
	if err := unix.PtraceInterrupt(id); err != nil {
		return err
	}
	for {
		var status unix.WaitStatus
		if _, err := unix.Wait4(id, &status, unix.WALL, nil); err != nil {
			return err
		}
		if status.StopSignal() == unix.SIGTRAP {
			break
		}
		// A signal on its way comes first; the stop follows.
		if err := unix.PtraceCont(id, int(status.StopSignal())); err != nil {
			return err
		}
	}
	tr.threads[id] = thread{}
	return unix.PtraceSetOptions(id, unix.PTRACE_O_TRACESYSGOOD|unix.PTRACE_O_TRACECLONE)
}

// run follows the threads until there is none.
func (tr *tracer) run() error {
	for {
		var status unix.WaitStatus
		id, err := unix.Wait4(-1, &status, unix.WALL, nil)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.ECHILD):
			return nil
		case err != nil:
			return err
		case !status.Stopped():
			delete(tr.threads, id)
			continue
		}
		signal := 0
		switch stop := status.StopSignal(); {
		case stop == unix.SIGTRAP|0x80:
			tr.syscall(id)
		case status>>16 != 0: // a new thread, or one that begins
		default:
			signal = int(stop)
		}
		if err := unix.PtraceSyscall(id, signal); err != nil && !errors.Is(err, unix.ESRCH) {
			return err
		}
	}
}

// syscall is at a thread's way into a system call, or out of it.
func (tr *tracer) syscall(id int) {
	var regs unix.PtraceRegs
	if unix.PtraceGetRegs(id, &regs) != nil {
		return // killed meanwhile
	}
	t := tr.threads[id]
	if !t.inside {
		tr.threads[id] = tr.enter(id, &regs)
		return
	}
	tr.threads[id] = thread{}
	switch {
	case t.kill:
		_ = unix.Kill(tr.PID, unix.SIGKILL)
	case t.errno != 0:
		regs.Rax = uint64(-int64(t.errno))
		_ = unix.PtraceSetRegs(id, &regs)
	}
}

func (tr *tracer) enter(id int, regs *unix.PtraceRegs) thread {
	t := thread{inside: true}
	call, ok := diskCallOf(regs.Orig_rax)
	if !ok {
		return t
	}
	tr.counted[call]++
	f, n := tr.Fault, tr.counted[call]
	if tr.over.Load() || call != f.Call || n < f.N || (n > f.N && (f.Once || f.Errno == 0)) {
		return t
	}
	tr.hits++
	switch {
	case f.Errno != 0:
		t.errno = f.Errno
		regs.Orig_rax = ^uint64(0) // no such call: it is not done
		_ = unix.PtraceSetRegs(id, regs)
	case f.After:
		t.kill = true
	default:
		_ = unix.Kill(tr.PID, unix.SIGKILL) // with that pending it is not done
	}
	return t
}
