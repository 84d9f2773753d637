//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// daemon is a command that ends with this program, whatever ends that.
func daemon(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// cpu is the time that a process has had a processor, in milliseconds. The sum over
// its threads is exact to the nanosecond, unlike the process's own count of ticks.
func cpu(pid int) float64 {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	sum := 0.0
	for _, name := range tasks {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // the thread is gone
		}
		if f := strings.Fields(string(text)); len(f) > 0 {
			ns, _ := strconv.ParseFloat(f[0], 64)
			sum += ns / 1e6
		}
	}
	return sum
}

// resident is how much memory a process has, in megabytes.
func resident(pid int) float64 { return field(pid, "status", "VmRSS:") / 1024 }

func field(pid int, file, name string) float64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == name {
			v, _ := strconv.ParseFloat(f[1], 64)
			return v
		}
	}
	return 0
}

// written is how much a process has had written to files, in megabytes.
func written(pid int) float64 { return field(pid, "io", "write_bytes:") / 1e6 }

// describe says what machine this is, and what else it does.
func describe() string {
	model := "processors"
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			model = "× " + strings.TrimSpace(value)
			break
		}
	}
	release, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	load, _ := os.ReadFile("/proc/loadavg")
	memory := 0.0
	if text, err := os.ReadFile("/proc/meminfo"); err == nil {
		_, _ = fmt.Sscanf(string(text), "MemTotal: %g kB", &memory)
	}
	return fmt.Sprintf("Measured on %s on %d %s with %.0f GB, Linux %s, %s; the load was %s when it began.", time.Now().UTC().Format(time.DateOnly),
		runtime.NumCPU(), model, memory/(1<<20), strings.TrimSpace(string(release)), runtime.Version(), strings.Fields(string(load) + " unknown")[0])
}

// took is how long a command runs, in milliseconds.
func took(name string, args ...string) (float64, error) {
	cmd := exec.Command(name, args...)
	cmd.Env = []string{"HOME=/nonexistent"}
	begun := time.Now()
	err := cmd.Run()
	return float64(time.Since(begun)) / 1e6, err
}
