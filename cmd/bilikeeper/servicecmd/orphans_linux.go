package servicecmd

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bilikeeper/bilikeeper/internal/periodic"
)

// orphansEvery is how often the processes that nobody waits for are looked at. One
// that is found twice is an orphan: a child of our own is waited for at once.
const orphansEvery = 10 * time.Second

// reapOrphans is the second work of process 1, as which a container runs its
// program: processes whose parents ended become its children, and stay in the
// list of processes until it has asked how they ended.
func reapOrphans(ctx context.Context) {
	if os.Getpid() != 1 {
		return
	}
	var before map[ended]bool
	for range periodic.Each(ctx, orphansEvery) {
		before = reap(before)
	}
}

// ended is a process that has ended. Its start tells it from another one to which
// the system gave the same number.
type ended struct {
	pid   int
	start string
}

// reap asks how those ended that had ended the last time already, and returns
// the others.
func reap(before map[ended]bool) map[ended]bool {
	now := map[ended]bool{}
	for _, e := range endedChildren() {
		if before[e] {
			_, _ = unix.Wait4(e.pid, nil, unix.WNOHANG, nil)
		} else {
			now[e] = true
		}
	}
	return now
}

// endedChildren are the children of this process that have ended and were not
// waited for.
func endedChildren() []ended {
	own := strconv.Itoa(os.Getpid())
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	var list []ended
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		// The name, in parentheses, may hold anything. State, parent and start are
		// the first, second and twentieth word after it.
		words := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err == nil && len(words) > 19 && words[0] == "Z" && words[1] == own {
			list = append(list, ended{pid, words[19]})
		}
	}
	return list
}
