package upkeep

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/bilikeeper/bilikeeper/daemon/config"
	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/daemon/keeper/keepertest"
	"github.com/bilikeeper/bilikeeper/vault"
)

// run runs the upkeep of a configuration until the test's function returns.
func run(t *testing.T, change func(*config.Config), test func(h *keepertest.Fixture, p config.Places)) {
	keepertest.Run(t, func(c *config.Config) {
		c.Backup = config.Default().Backup
		if change != nil {
			change(c)
		}
	}, func(h *keepertest.Fixture) {
		p := config.Places{StateDir: h.Dir}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { defer close(done); _ = New(h.Keeper, h.Config, p).Run(ctx) }()
		defer func() { cancel(); <-done }()
		time.Sleep(time.Second)
		test(h, p)
	})
}

func options(dir string) vault.Options {
	return vault.Options{Path: filepath.Join(dir, "vault.db"), KeyFile: filepath.Join(dir, "vault.key")}
}

func problems(h *keepertest.Fixture) string {
	return strings.Join(h.Keeper.Accounts().Status().Daemon.Problems, "\n")
}

func TestCopies(t *testing.T) {
	run(t, func(c *config.Config) { c.Backup.Keep = 3 }, func(h *keepertest.Fixture, p config.Places) {
		dir := p.Backups(h.Config)
		list := copies(dir)
		if len(list) != 1 {
			t.Fatalf("after the start there are %v", list)
		}
		foreign := filepath.Join(dir, "vault-mine.db")
		if err := os.WriteFile(foreign, []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
		h.Login("main", keepertest.Mid)
		time.Sleep(settled + look)
		if list = copies(dir); len(list) != 2 {
			t.Fatalf("after an account was added there are %v", list)
		}
		newest := list[0]
		d, err := vault.Examine(options(h.Dir), newest.path)
		if err != nil || d.Records["account"] != 1 {
			t.Errorf("%+v, %v", d.Records, err)
		}
		time.Sleep(5 * 24 * time.Hour)
		list = copies(dir)
		if len(list) != 3 || !list[2].at.After(newest.at.Add(2*24*time.Hour)) || time.Since(list[0].at) > 25*time.Hour {
			t.Errorf("after five days there are %v", list)
		}
		for _, c := range list {
			if info, err := os.Stat(c.path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
				t.Errorf("%s: %v, %v", c.path, info.Mode(), err)
			}
		}
		if info, err := os.Stat(dir); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o700 {
			t.Errorf("%v, %v", info.Mode(), err)
		}
		if _, err := os.Stat(foreign); err != nil {
			t.Error(err)
		}
		if i, err := h.Keeper.Vault().Info(); err != nil || i.BackedUpAt != nil {
			t.Errorf("backed up at %v, %v", i.BackedUpAt, err)
		}
		if got := problems(h); got != "" {
			t.Error(got)
		}
	})
}

func TestNoCopies(t *testing.T) {
	run(t, func(c *config.Config) { c.Backup.Every = 0 }, func(h *keepertest.Fixture, p config.Places) {
		time.Sleep(48 * time.Hour)
		if _, err := os.Stat(p.Backups(h.Config)); err == nil {
			t.Error("a directory was made")
		}
	})
}

// A copy that cannot be made is told of, tried again, and nothing else.
func TestCopyThatFails(t *testing.T) {
	below := filepath.Join(t.TempDir(), "not-mounted")
	run(t, func(c *config.Config) { c.Backup.Dir = filepath.Join(below, "copies") }, func(h *keepertest.Fixture, _ config.Places) {
		if got := problems(h); !strings.HasPrefix(got, "backup: ") || !strings.Contains(got, below) {
			t.Errorf("problems are %q", got)
		}
		h.Login("main", keepertest.Mid)
		if err := os.Mkdir(below, 0o700); err != nil {
			t.Fatal(err)
		}
		left := filepath.Join(below, "copies")
		time.Sleep(again + look)
		if got := problems(h); got != "" || len(copies(left)) != 1 {
			t.Errorf("problems are %q, copies %v", got, copies(left))
		}
		if i, err := h.Keeper.Vault().Info(); err != nil || i.BackedUpAt == nil || time.Since(*i.BackedUpAt) > again {
			t.Errorf("backed up at %v, %v", i.BackedUpAt, err)
		}
	})
}

// Damage on the disk is told of while the vault goes on being used.
func TestScrub(t *testing.T) {
	run(t, nil, func(h *keepertest.Fixture, p config.Places) {
		h.Login("main", keepertest.Mid)
		time.Sleep(firstScrub + 2*look)
		if got := problems(h); got != "" {
			t.Fatalf("problems are %q", got)
		}
		flip(t, filepath.Join(h.Dir, "vault.db"), func() {
			time.Sleep(scrubEvery + look)
			got := problems(h)
			if !strings.Contains(got, "vault: ") || !strings.Contains(got, "bilikeeper vault repair; the newest copy is "+p.Backups(h.Config)) {
				t.Errorf("problems are %q", got)
			}
			// A copy of what is damaged is none.
			list := copies(p.Backups(h.Config))
			if _, err := vault.Examine(options(h.Dir), list[0].path); err != nil || !strings.Contains(got, "backup: ") {
				t.Errorf("%v, %v", list, err)
			}
		})
	})
}

// flip changes the vault's sealed bytes while f runs.
func flip(t *testing.T, path string, f func()) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// The last bytes of a page of values are of a seal.
	var places []int
	page := os.Getpagesize()
	for at := 2 * page; at+page <= len(data); at += page {
		if used := strings.TrimRight(string(data[at:at+page]), "\x00"); data[at+8] == 2 && used != "" {
			places = append(places, at+len(used)-1)
		}
	}
	change := func() {
		for _, at := range places {
			b := []byte{0}
			if _, err := file.ReadAt(b, int64(at)); err != nil {
				t.Fatal(err)
			}
			b[0] ^= 1
			if _, err := file.WriteAt(b, int64(at)); err != nil {
				t.Fatal(err)
			}
		}
	}
	change()
	f()
	change()
}

func TestWayBack(t *testing.T) {
	keepertest.Run(t, nil, func(h *keepertest.Fixture) {
		h.Login("main", keepertest.Mid)
		dir, o := filepath.Join(h.Dir, "backups"), options(h.Dir)
		if got := WayBack(o, dir); got != "" {
			t.Errorf("without a copy: %q", got)
		}
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		var paths []string
		for range 3 {
			time.Sleep(time.Hour)
			path := filepath.Join(dir, nameAt(time.Now()))
			if err := h.Vault.BackUp(path); err != nil {
				t.Fatal(err)
			}
			paths = append(paths, path)
		}
		if err := h.Vault.BackUp(paths[0]); err == nil {
			t.Error("a copy was written over")
		}
		if got := WayBack(o, dir); got != "bilikeeper vault restore "+paths[2] {
			t.Errorf("the newest: %q", got)
		}
		if err := os.Truncate(paths[2], 5000); err != nil {
			t.Fatal(err)
		}
		if got := WayBack(o, dir); got != "bilikeeper vault restore "+paths[1] {
			t.Errorf("the newest is damaged: %q", got)
		}
	})
}

// away is a vault that cannot be reached, as long as it is so.
type away struct {
	vault.Vault
	since *atomic.Pointer[time.Time]
}

func (a away) Figures() (f vault.Figures) {
	if since := a.since.Load(); since != nil {
		f.Away = *since
	}
	return f
}

// Hosts that share their accounts make copies, too: each in its own directory, and in one
// that they share by turns; and none while what they have may be old.
func TestCopiesOfHosts(t *testing.T) {
	keepertest.RunHosts(t, []string{"a", "b"}, func(all *keepertest.Hosts) {
		c := all.Config
		c.Backup = config.Default().Backup
		c.Backup.Dir = filepath.Join(all.Dir, "shared")
		ctx, cancel := context.WithCancel(context.Background())
		var both sync.WaitGroup
		defer both.Wait()
		defer cancel()
		for _, name := range []string{"a", "b"} {
			both.Go(func() {
				_ = New(all.Host(name).Keeper, c, config.Places{StateDir: filepath.Join(all.Dir, name)}).Run(ctx)
			})
			time.Sleep(20 * time.Second)
		}
		if list := copies(c.Backup.Dir); len(list) != 1 {
			t.Errorf("two hosts made %v", list)
		}
		all.Move("main", "a")
		all.Host("a").Login("main", keepertest.Mid)
		time.Sleep(settled + 2*look)
		list := copies(c.Backup.Dir)
		if len(list) != 2 {
			t.Fatalf("after an account was added there are %v", list)
		}
		if d, err := vault.Examine(options(all.Dir), list[0].path); err != nil || d.Records["account"] != 1 {
			t.Errorf("%+v, %v", d.Records, err)
		}
		time.Sleep(3 * 24 * time.Hour)
		if list = copies(c.Backup.Dir); len(list) != 5 {
			t.Errorf("after three days there are %v", list)
		}
	})
}

func TestNoCopyWhileAway(t *testing.T) {
	var since atomic.Pointer[time.Time]
	keepertest.Run(t, func(c *config.Config) { c.Backup = config.Default().Backup }, func(h *keepertest.Fixture) {
		k, err := keeper.New(keeper.Parts{Vault: away{h.Vault, &since}, Config: h.Config, Log: zerolog.Nop(), Version: "test", StateDir: h.Dir})
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		since.Store(&begun)
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		p := config.Places{StateDir: h.Dir}
		go func() { defer close(done); _ = New(k, h.Config, p).Run(ctx) }()
		defer func() { cancel(); <-done }()
		time.Sleep(3 * time.Hour)
		if list := copies(p.Backups(h.Config)); len(list) != 0 {
			t.Errorf("while the vault was away these were made: %v", list)
		}
		since.Store(nil)
		time.Sleep(2 * look)
		if list := copies(p.Backups(h.Config)); len(list) != 1 {
			t.Errorf("when it was back there were %v", list)
		}
	})
}
