//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// store is an etcd of some members, as it comes.
type store struct {
	endpoints []string
	members   []*exec.Cmd
}

// startStore starts the members and waits until they have a leader.
func startStore(program, dir string, members int) (*store, error) {
	s := &store{}
	var peers, cluster []string
	for i := range members {
		ports, err := freePorts(2)
		if err != nil {
			return nil, err
		}
		s.endpoints = append(s.endpoints, "http://"+ports[0])
		peers = append(peers, "http://"+ports[1])
		cluster = append(cluster, fmt.Sprintf("m%d=%s", i, peers[i]))
	}
	for i := range members {
		cmd := daemon(program, "--name", fmt.Sprintf("m%d", i), "--data-dir", filepath.Join(dir, fmt.Sprintf("m%d", i)),
			"--listen-client-urls", s.endpoints[i], "--advertise-client-urls", s.endpoints[i],
			"--listen-peer-urls", peers[i], "--initial-advertise-peer-urls", peers[i], "--initial-cluster", strings.Join(cluster, ","))
		cmd.Env = []string{}
		if err := cmd.Start(); err != nil {
			return nil, err
		}
		s.members = append(s.members, cmd)
	}
	var err error
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if _, err = s.revision(); err == nil {
			return s, nil
		}
	}
	return nil, fmt.Errorf("etcd does not answer: %w", err)
}

func freePorts(n int) (list []string, err error) {
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		list = append(list, l.Addr().String())
	}
	return list, nil
}

// revision is how many transactions have changed anything.
func (s *store) revision() (float64, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.endpoints[0]+"/v3/kv/range", bytes.NewReader([]byte(`{"key":"AA=="}`)))
	if err != nil {
		return 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	var answer struct {
		Header struct {
			Revision json.Number `json:"revision"`
		} `json:"header"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return 0, err
	}
	return answer.Header.Revision.Float64()
}

// signal sends all members a signal.
func (s *store) signal(sig os.Signal) {
	for _, m := range s.members {
		_ = m.Process.Signal(sig)
	}
}

func (s *store) end() {
	s.signal(syscall.SIGKILL)
	for _, m := range s.members {
		_ = m.Wait()
	}
}
