//go:build linux

package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// peer is another program that runs in the background and hands something out. It is
// measured as it comes, without a network and without a login of its own.
type peer struct {
	name, program string
	// args start it, in the foreground where it can, with its files in dir.
	args func(dir string) []string
	env  []string
	// asks names what is read over its socket; ready is what is waited for at its start.
	asks string
	open func(dir string) (asker, error)
	// forks says that the process that was started ends, and another one answers.
	forks bool
}

// asker asks a peer one thing again and again.
type asker interface {
	ask() error
	io.Closer
}

func allPeers() []peer {
	return []peer{
		{
			name: "tailscaled", program: "tailscaled", asks: "its status", env: []string{"TS_NO_LOGS_NO_SUPPORT=true"},
			args: func(dir string) []string {
				return []string{"--tun=userspace-networking", "--port=0", "--statedir=" + dir, "--socket=" + filepath.Join(dir, "peer.sock"), "--no-logs-no-support"}
			},
			open: func(dir string) (asker, error) {
				r, err := newReaderAt(filepath.Join(dir, "peer.sock"), "local-tailscaled.sock", "/localapi/v0/status")
				if err != nil {
					return nil, err
				}
				return httpAsker{r}, nil
			},
		},
		{
			name: "ssh-agent", program: "ssh-agent", asks: "its list of keys",
			args: func(dir string) []string { return []string{"-D", "-a", filepath.Join(dir, "peer.sock")} },
			open: openSSHAgent,
		},
		{
			name: "gpg-agent", program: "gpg-agent", asks: "its list of keys", forks: true,
			args: func(dir string) []string { return []string{"--homedir", dir, "--daemon"} },
			open: openGPGAgent,
		},
		{
			name: "consul-template", program: "consul-template",
			args: func(dir string) []string {
				return []string{"-log-level=err", "-template=" + filepath.Join(dir, "in") + ":" + filepath.Join(dir, "out")}
			},
			open: func(dir string) (asker, error) {
				_, err := os.Stat(filepath.Join(dir, "out"))
				return nil, err
			},
		},
	}
}

// peers measures other programs in turn with the keeper, once in a run.
func (b *bench) peers(n int) error {
	if n != b.accounts[0] {
		return nil
	}
	for _, p := range allPeers() {
		if _, err := exec.LookPath(p.program); err != nil {
			b.missing = append(b.missing, p.program)
			fmt.Fprintf(os.Stderr, "%s is not installed\n", p.program)
			continue
		}
		if err := (beside{b}).measure(p); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return nil
}

// beside measures other programs beside the keeper.
type beside struct{ *bench }

func (b beside) measure(p peer) error {
	starts, floor := series{}, series{}
	var r *running
	for i := range b.rounds {
		least, err := took(b.nothing)
		if err != nil {
			return err
		}
		if r, err = b.start(p, i); err != nil {
			return err
		}
		starts, floor = append(starts, r.took), append(floor, least)
		if i < b.rounds-1 {
			r.end()
		}
	}
	defer r.end()
	time.Sleep(10 * time.Second)
	memory := series{}
	for range 3 {
		memory = append(memory, resident(r.pid))
		time.Sleep(time.Second)
	}
	b.add(row{name: p.name + ": idle memory (RSS)", unit: "MB", got: memory})
	first := "first answer"
	if p.asks == "" {
		first = "first file"
	}
	b.add(row{name: p.name + ": start to " + first, unit: "ms", got: starts, floor: floor, floorsName: "Go program that does nothing"})
	if p.asks == "" {
		return nil
	}
	return b.ask(p, r)
}

// ask measures one reading over the peer's socket, in turn with a credential here.
func (b beside) ask(p peer, r *running) error {
	own, err := newReader(b.keeper.socket, credentialPath(0))
	if err != nil {
		return err
	}
	defer own.conn.Close()
	theirs, ours := series{}, series{}
	for range b.rounds * perRound / 4 {
		begun := time.Now()
		if err := r.asker.ask(); err != nil {
			return err
		}
		theirs = append(theirs, float64(time.Since(begun))/1e3)
		begun = time.Now()
		if _, err := own.read(); err != nil {
			return err
		}
		ours = append(ours, float64(time.Since(begun))/1e3)
	}
	b.add(row{name: fmt.Sprintf("%s: %s over its socket, 1 at once", p.name, p.asks), unit: "µs", got: theirs, floor: ours, floorsName: "a credential here"})
	return nil
}

// running is a peer's process.
type running struct {
	pid   int
	took  float64 // from the start to the first answer, in milliseconds
	asker asker
	cmd   *exec.Cmd
	dir   string
}

func (b beside) start(p peer, round int) (*running, error) {
	r := &running{dir: filepath.Join(b.dir, p.program+strconv.Itoa(round))}
	if err := os.MkdirAll(r.dir, 0o700); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(r.dir, "in"), []byte("SESSDATA={{ env \"HOME\" }}\n"), 0o600); err != nil {
		return nil, err
	}
	r.cmd = daemon(p.program, p.args(r.dir)...)
	r.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + r.dir}, p.env...)
	begun := time.Now()
	if err := r.cmd.Start(); err != nil {
		return nil, err
	}
	r.pid = r.cmd.Process.Pid
	if p.forks {
		if err := r.cmd.Wait(); err != nil {
			return nil, err
		}
	}
	for {
		var err error
		if r.asker, err = p.open(r.dir); err == nil && r.asker != nil {
			err = r.asker.ask()
		}
		if err == nil {
			break
		}
		if time.Since(begun) > time.Minute {
			r.end()
			return nil, fmt.Errorf("it does not answer: %w", err)
		}
		time.Sleep(200 * time.Microsecond)
	}
	r.took = float64(time.Since(begun)) / 1e6
	if g, ok := r.asker.(*gpgAgent); ok {
		r.pid = g.pid
	}
	return r, nil
}

func (r *running) end() {
	if r.asker != nil {
		_ = r.asker.Close()
	}
	_ = syscall.Kill(r.pid, syscall.SIGKILL)
	if r.cmd.ProcessState == nil {
		_ = r.cmd.Wait()
	}
	_ = os.RemoveAll(r.dir)
}

type httpAsker struct{ *reader }

func (a httpAsker) ask() error   { _, err := a.read(); return err }
func (a httpAsker) Close() error { return a.conn.Close() }

// sshAgent speaks the agent's protocol: a length, a kind, and what belongs to it.
type sshAgent struct{ net.Conn }

func openSSHAgent(dir string) (asker, error) {
	conn, err := net.Dial("unix", filepath.Join(dir, "peer.sock"))
	if err != nil {
		return nil, err
	}
	return sshAgent{conn}, nil
}

func (a sshAgent) ask() error {
	const requestIdentities, identitiesAnswer = 11, 12
	if _, err := a.Write([]byte{0, 0, 0, 1, requestIdentities}); err != nil {
		return err
	}
	head := make([]byte, 5)
	if _, err := io.ReadFull(a, head); err != nil {
		return err
	}
	if head[4] != identitiesAnswer {
		return fmt.Errorf("answer %d", head[4])
	}
	_, err := io.CopyN(io.Discard, a, int64(binary.BigEndian.Uint32(head))-1)
	return err
}

// gpgAgent speaks Assuan: a line is asked, and lines come until one says OK.
type gpgAgent struct {
	net.Conn
	in  *bufio.Reader
	pid int
}

func openGPGAgent(dir string) (asker, error) {
	conn, err := net.Dial("unix", filepath.Join(dir, "S.gpg-agent"))
	if err != nil {
		return nil, err
	}
	a := &gpgAgent{Conn: conn, in: bufio.NewReader(conn)}
	text := ""
	if _, err = a.answer(); err == nil {
		text, err = a.call("GETINFO pid")
	}
	if err == nil {
		a.pid, err = strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(text, "D ")))
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return a, nil
}

func (a *gpgAgent) ask() error { _, err := a.call("KEYINFO --list"); return err }

func (a *gpgAgent) call(line string) (string, error) {
	if _, err := io.WriteString(a, line+"\n"); err != nil {
		return "", err
	}
	return a.answer()
}

// answer returns the data before the line that says OK.
func (a *gpgAgent) answer() (data string, err error) {
	for {
		line, err := a.in.ReadString('\n')
		switch {
		case err != nil:
			return data, err
		case strings.HasPrefix(line, "OK"):
			return data, nil
		case strings.HasPrefix(line, "ERR"):
			return data, errors.New(strings.TrimSpace(line))
		}
		data += line
	}
}
