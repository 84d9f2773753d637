//go:build stranger

package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

// Users and groups by number, which need no entry anywhere.
const (
	recorderUID, recorderGID = 64001, 64101
	guestUID, guestGID       = 64002, 64102
	mediaGID                 = 64103

	otherAccount = "other"
)

// TestStrangers runs the program as other users of the system, against a keeper
// that belongs to root.
func TestStrangers(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can become somebody else")
	}
	s := newStranded(t)
	recorder := person{uid: recorderUID, gid: recorderGID}
	guest := person{uid: guestUID, gid: guestGID}

	s.shutOut(recorder)
	s.allow(fmt.Sprintf("[[control.allow]]\nuser = \"%d\"\naccounts = [\"main\"]\nmay = [\"status\", \"get\"]\n", recorderUID))
	s.mayReadMain(recorder)
	s.mayNothingElse(recorder)
	s.shutOut(guest)
	s.noted(recorder, "read")

	// Rights are taken away as they were given.
	s.allow("")
	s.shutOut(recorder)

	group := fmt.Sprintf("[[control.allow]]\ngroup = \"%d\"\naccounts = [\"main\"]\nmay = [\"status\", \"get\"]\n", mediaGID)
	s.allow(group)
	s.shutOut(guest)
	s.mayReadMain(person{uid: guestUID, gid: mediaGID})
	s.mayReadMain(person{uid: guestUID, gid: guestGID, groups: []uint32{64999, mediaGID}})
	s.shutOut(recorder)

	// Several users and groups, each with what is theirs; the others are told
	// which line they lack.
	s.allow(group + fmt.Sprintf("[[control.allow]]\nuser = \"%d\"\naccounts = [\"%s\"]\nmay = [\"get\"]\n", recorderUID, otherAccount))
	s.mayReadMain(person{uid: guestUID, gid: mediaGID})
	s.want(recorder, 0, "get", otherAccount)
	r := s.want(recorder, 7, "get", account)
	if !strings.Contains(r.stderr, "[[control.allow]] with user = ") || !strings.Contains(r.stderr, `accounts = ["main"], may = ["get"]`) {
		t.Errorf("the refusal names no line: %s", r.stderr)
	}
	s.noted(recorder, "denied")
	s.want(recorder, 0, "get", "--tag", "all")
	s.want(recorder, 7, "get", "--tag", "mains")

	// So does a keeper that starts with them, and one that was killed before.
	s.keeper.kill()
	s.start()
	s.mayReadMain(person{uid: guestUID, gid: mediaGID})
	s.want(recorder, 0, "get", otherAccount)
	s.shutOut(guest)
	s.warnsOfShutDirectories()
	s.stop()
}

// stranded is a stage whose files others can reach, as far as they are let.
type stranded struct {
	*stage
	program string
	base    []byte // the configuration without the rules
}

// person is a user of the system.
type person struct {
	uid, gid uint32
	groups   []uint32
}

func newStranded(t *testing.T) *stranded {
	s := &stranded{stage: newStage(t, nil)}
	s.program = filepath.Join(s.dir, "bilikeeper")
	data, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.program, data, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(s.dir, 0o711); err != nil {
		t.Fatal(err)
	}
	s.configure(settings{})
	if s.base, err = os.ReadFile(s.config); err != nil {
		t.Fatal(err)
	}
	s.base = append(s.base, fmt.Sprintf("[[account]]\nname = \"main\"\ntags = [\"mains\", \"all\"]\n[[account]]\nname = %q\ntags = [\"all\"]\n", otherAccount)...)
	if err := os.WriteFile(s.config, s.base, 0o600); err != nil {
		t.Fatal(err)
	}
	s.start()
	s.takeOver(account, mid)
	s.takeOver(otherAccount, stranger)
	return s
}

// allow replaces the rules, and has the keeper read them.
func (s *stranded) allow(rules string) {
	s.t.Helper()
	if err := os.WriteFile(s.config, append(slices.Clone(s.base), rules...), 0o600); err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.client.Reload(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	mode := os.FileMode(0o600)
	if rules != "" {
		mode = 0o660
	}
	if info, err := os.Stat(s.socket()); err != nil || info.Mode().Perm() != mode {
		s.t.Errorf("the socket's mode is %v, want %o: %v", info.Mode(), mode, err)
	}
	if status, err := s.client.Status(s.t.Context()); err != nil || len(status.Daemon.Problems) > 0 {
		s.t.Errorf("%v, %v", status.Daemon.Problems, err)
	}
}

// as runs the program as somebody, to its end. The result's pid is the
// process's.
func (s *stranded) as(p person, args ...string) (result, int) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, s.program, append([]string{"--socket", s.socket()}, args...)...)
	cmd.Env, cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = environment(), "/", strings.NewReader("SESSDATA=fake"), &stdout, &stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: p.uid, Gid: p.gid, Groups: p.groups}}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	_ = cmd.Wait()
	return result{code: cmd.ProcessState.ExitCode(), stdout: stdout.String(), stderr: stderr.String()}, cmd.Process.Pid
}

func (s *stranded) want(p person, code int, args ...string) result {
	s.t.Helper()
	r, _ := s.as(p, args...)
	if r.code != code {
		s.t.Errorf("uid %d: bilikeeper %s: exit code %d, want %d\n%s%s", p.uid, strings.Join(args, " "), r.code, code, r.stdout, r.stderr)
	}
	return r
}

// shutOut wants somebody to reach nothing at all.
func (s *stranded) shutOut(p person) {
	s.t.Helper()
	for _, args := range [][]string{{"get", account}, {"status"}, {"events"}, {"exec", account, "--", "true"}, {"wait", account}, {"get", account, "--wait"}} {
		r := s.want(p, 7, args...)
		if r.stdout != "" || !strings.Contains(r.stderr, "not permitted to use the keeper's socket") || !strings.Contains(r.stderr, "[[control.allow]]") {
			s.t.Errorf("uid %d: %s%s", p.uid, r.stdout, r.stderr)
		}
	}
}

// mayReadMain wants somebody to get main's credential and see main, and no
// more of the rest.
func (s *stranded) mayReadMain(p person) {
	s.t.Helper()
	session := s.session()
	if got := cookies(s.want(p, 0, "get", account).stdout)["SESSDATA"]; got != session {
		s.t.Errorf("uid %d: another credential than root's", p.uid)
	}
	r := s.want(p, 0, "exec", account, "--", "sh", "-c", "echo $BILIBILI_SESSDATA; cat $0", "{cookies}")
	if !strings.HasPrefix(r.stdout, session+"\n") || strings.Count(r.stdout, session) != 2 {
		s.t.Errorf("uid %d: exec has another credential", p.uid)
	}
	for _, args := range [][]string{{"status", "--json"}, {"status"}, {"status", account}, {"events", "--json"}, {"events"}, {"events", "--type", "account.added"}} {
		if r := s.want(p, 0, args...); strings.Contains(r.stdout+r.stderr, otherAccount) || !strings.Contains(r.stdout, account) {
			s.t.Errorf("uid %d: %s shows\n%s%s", p.uid, args, r.stdout, r.stderr)
		}
	}
	s.want(p, 0, "wait", account)
	s.want(p, 0, "get", account, "--wait")
	for range 2 {
		if r := s.want(p, 0, "get", "--tag", "all"); cookies(r.stdout)["SESSDATA"] != session {
			s.t.Errorf("uid %d: the tag gives another credential", p.uid)
		}
	}
	for _, path := range []string{"/v1/messages", "/v1/accounts"} {
		status, body := s.fetch(p, path)
		if status != http.StatusOK && !strings.Contains(body, "no such path") || strings.Contains(body, otherAccount) {
			s.t.Errorf("uid %d: %s: %d %s", p.uid, path, status, body)
		}
	}
}

// mayNothingElse tries everything that a right to status and get of main is not.
func (s *stranded) mayNothingElse(p person) {
	s.t.Helper()
	for _, args := range [][]string{
		{"get", otherAccount}, {"exec", otherAccount, "--", "true"}, {"status", otherAccount}, {"wait", otherAccount},
		{"get", "nobody"}, {"get", account, "--with-refresh-token", "--format", "json"},
		{"check", account}, {"refresh", account}, {"login", account}, {"logout", account}, {"forget", account},
		{"import", "-", "--account", account}, {"notify", "list"}, {"notify", "test", "phone"}, {"output", "list"}, {"output", "run", "x"},
	} {
		if r := s.want(p, 7, args...); strings.Contains(r.stdout, "SESSDATA") || !strings.Contains(r.stderr, "hint: ") {
			s.t.Errorf("uid %d: %s\n%s%s", p.uid, args, r.stdout, r.stderr)
		}
	}
	for _, path := range []string{"/v1/notify", "/v1/outputs", "/v1/logins/0123456789abcdef"} {
		if status, body := s.fetch(p, path); status != http.StatusForbidden {
			s.t.Errorf("uid %d: %s: %d %s", p.uid, path, status, body)
		}
	}
	if a, err := s.client.Accounts(s.t.Context()); err != nil || len(a) != 2 || a[0].State != client.StateValid {
		s.t.Errorf("%v, %v", a, err)
	}
}

// noted wants the journal to name who read, or was refused, last.
func (s *stranded) noted(p person, what string) {
	s.t.Helper()
	format := "json"
	if what == "denied" {
		format = "header"
	}
	_, pid := s.as(p, "get", account, "--format", format)
	var last struct {
		UID, GID      uint32
		PID           int
		Program, User string
		Format, Verb  string
		Denied        bool
		Generation    uint64
	}
	events := s.events(client.EventCredentialRead)
	for _, e := range events {
		var one = last
		one.UID, one.Denied = 0, false
		if err := json.Unmarshal(e.Data, &one); err != nil {
			s.t.Fatal(err)
		}
		if one.UID == p.uid && e.Account == account && one.Denied == (what == "denied") {
			last = one
		}
	}
	if last.UID != p.uid || last.GID != p.gid || last.User != fmt.Sprint(p.uid) || last.PID == 0 {
		s.t.Fatalf("the journal does not name the reader: %+v", last)
	}
	if what == "denied" {
		if last.Verb != "get" {
			s.t.Errorf("%+v", last)
		}
		return
	}
	if last.PID != pid || last.Program != s.program || last.Format != "json" || last.Generation != 1 {
		s.t.Errorf("%+v, want pid %d of %s", last, pid, s.program)
	}
}

// warnsOfShutDirectories closes a directory above the socket: the keeper can
// only say so.
func (s *stranded) warnsOfShutDirectories() {
	s.t.Helper()
	if err := os.Chmod(s.dir, 0o700); err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.client.Reload(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	status, err := s.client.Status(s.t.Context())
	if err != nil || len(status.Daemon.Problems) != 1 || !strings.Contains(status.Daemon.Problems[0], "may not go through "+s.dir) {
		s.t.Errorf("%q, %v", status.Daemon.Problems, err)
	}
	if !strings.Contains(s.log.String(), "may not go through "+s.dir) {
		s.t.Error("the log does not say so")
	}
	if err := os.Chmod(s.dir, 0o711); err != nil {
		s.t.Fatal(err)
	}
}

// fetch asks for a path as somebody.
func (s *stranded) fetch(p person, path string) (status int, body string) {
	s.t.Helper()
	way := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(context.Context, string, string) (net.Conn, error) {
		return dialAs(p, s.socket())
	}}}
	resp, err := way.Get("http://localhost" + path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, string(data)
}

// dialAs connects as somebody. Linux keeps the ids per thread, so one thread
// takes them on and is thrown away.
func dialAs(p person, path string) (net.Conn, error) {
	var conn net.Conn
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		for _, call := range [][4]uintptr{
			{syscall.SYS_SETGROUPS, uintptr(len(p.groups)), uintptr(unsafe.Pointer(unsafe.SliceData(p.groups)))},
			{syscall.SYS_SETRESGID, uintptr(p.gid), uintptr(p.gid), uintptr(p.gid)},
			{syscall.SYS_SETRESUID, uintptr(p.uid), uintptr(p.uid), uintptr(p.uid)},
		} {
			if _, _, errno := syscall.RawSyscall(call[0], call[1], call[2], call[3]); errno != 0 {
				err = errno
				return
			}
		}
		runtime.KeepAlive(p)
		conn, err = net.Dial("unix", path)
	}()
	<-done
	return conn, err
}
