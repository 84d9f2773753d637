package agent

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/notify"
)

const (
	required  = client.EventLoginRequired
	succeeded = client.EventLoginSucceeded
	failed    = client.EventLoginFailed
	attention = client.EventAccountAttention
)

// What an agent shows that meets a keeper for the first time.
func TestFirstStart(t *testing.T) {
	scanned := func() client.Message { m := code("main"); m.Login = nil; return m }
	for _, tc := range []struct {
		name     string
		messages func() []client.Message
		states   map[string]string
		want     []string
	}{
		{"nothing", func() []client.Message { return nil }, nil, nil},
		{"an incident that is over", func() []client.Message {
			return []client.Message{about(required, "main"), about(succeeded, "main")}
		}, map[string]string{"main": client.StateValid}, nil},
		{"an account that needs a login", func() []client.Message {
			return []client.Message{about(required, "main"), about(failed, "main")}
		}, map[string]string{"main": client.StateNeedsLogin}, []string{"main login.failed"}},
		{"one that was mended without a login", func() []client.Message {
			return []client.Message{about(required, "main"), about(failed, "main")}
		}, map[string]string{"main": client.StateValid}, nil},
		{"a code that works", func() []client.Message {
			return []client.Message{about(required, "main"), code("main")}
		}, map[string]string{"main": client.StateLoggingIn}, []string{"main login.code"}},
		{"a code that was scanned", func() []client.Message {
			return []client.Message{about(required, "main"), scanned()}
		}, map[string]string{"main": client.StateLoggingIn}, []string{"main login.required"}},
		{"an early code", func() []client.Message {
			return []client.Message{about(required, "main"), code("main")}
		}, map[string]string{"main": client.StateValid}, []string{"main login.code"}},
		{"several, and what is no incident", func() []client.Message {
			return []client.Message{
				about(required, "a"), about(attention, "c"), about(required, "b"), about(succeeded, "b"), about(required, "d"), code("d"),
			}
		}, map[string]string{"a": client.StateNeedsLogin, "b": client.StateValid, "c": client.StateValid, "d": client.StateLoggingIn},
			[]string{"a login.required", "d login.code"}},
		{"an account that this peer does not see", func() []client.Message {
			return []client.Message{about(required, "main")}
		}, nil, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inSession(t, func(t *testing.T, d *desk) {
				for range 100 { // more than one page of them
					d.keeper.tell(about(attention, "old"))
				}
				for _, m := range tc.messages() {
					d.keeper.tell(m)
				}
				d.keeper.pass(3)
				d.keeper.change(func() {
					for name, state := range tc.states {
						d.keeper.states[name] = state
					}
				})
				stop := d.run(t)
				d.want(t, time.Second, tc.want...)
				d.keeper.tell(about(attention, "main"))
				d.want(t, time.Second, "main account.attention")
				stop()
				d.run(t)()
				d.want(t, 0)
			})
		})
	}
}

func TestNothingTwice(t *testing.T) {
	inSession(t, func(t *testing.T, d *desk) {
		stop := d.run(t)
		d.want(t, time.Minute)
		d.keeper.tell(about(required, "main"))
		d.want(t, time.Second, "main login.required")

		// The keeper is restarted, and something happens before it is found again.
		d.keeper.stop()
		d.want(t, 10*time.Minute)
		d.keeper.start()
		d.keeper.tell(code("main"))
		d.want(t, maxWait, "main login.code")

		// The agent is restarted, and something happens meanwhile.
		stop()
		d.keeper.tell(about(succeeded, "main"))
		stop = d.run(t)
		d.want(t, time.Second, "main login.succeeded")
		if got := d.screen.retracted; len(got) != 1 || !strings.HasSuffix(string(got[0]), "msg_journal-a_2") {
			t.Errorf("retracted %q", got)
		}
		stop()
		d.run(t)()
		d.want(t, 0)
	})
}

// A keeper that is not there is waited for, in peace and without a word more
// than one.
func TestWaitingForTheKeeper(t *testing.T) {
	inSession(t, func(t *testing.T, d *desk) {
		d.keeper.stop()
		stop := d.run(t)
		d.want(t, 24*time.Hour)
		if n := d.log.count("the keeper does not answer; waiting"); n != 1 {
			t.Errorf("said %d times", n)
		}
		if n, most := d.keeper.dialled(), int(24*time.Hour/maxWait)+5; n > most {
			t.Errorf("%d tries in a day, %d at the most", n, most)
		}
		d.keeper.start()
		d.keeper.tell(about(required, "main"))
		d.keeper.change(func() { d.keeper.states["main"] = client.StateNeedsLogin })
		d.want(t, maxWait, "main login.required")
		d.keeper.stop()
		d.want(t, time.Hour)
		d.keeper.start()
		d.want(t, time.Hour)
		if away, back := d.log.count("the keeper does not answer; waiting"), d.log.count("the keeper answers"); away != 2 || back != 2 {
			t.Errorf("said %d times that it is away, and %d times that it is back", away, back)
		}
		stop()
		d.keeper.stop()
		d.run(t)() // ends while it waits
	})
}

func TestAnIdleAgentIsQuiet(t *testing.T) {
	inSession(t, func(t *testing.T, d *desk) {
		stop := d.run(t)
		d.after(time.Second)
		before := d.keeper.dialled()
		d.after(time.Hour)
		if n, most := d.keeper.dialled()-before, int(time.Hour/pollFor)+2; n > most {
			t.Errorf("%d questions in an hour, %d at the most", n, most)
		}
		stop()
	})
}

func TestNotPermitted(t *testing.T) {
	inSession(t, func(t *testing.T, d *desk) {
		d.keeper.change(func() {
			d.keeper.refusal = &client.Problem{Type: client.ProblemNotPermitted, Title: "not permitted", Status: 403, Hint: "the line that would help"}
		})
		stop := d.run(t)
		d.after(time.Hour)
		if n := d.log.count("the line that would help"); n != 1 {
			t.Errorf("the hint was given %d times", n)
		}
		d.keeper.change(func() { d.keeper.refusal = nil })
		d.after(maxWait)
		d.keeper.tell(about(required, "main"))
		d.want(t, time.Second, "main login.required")
		stop()
	})
}

// A vault that was put back, or another keeper, has other positions.
func TestAnotherJournal(t *testing.T) {
	for name, replace := range map[string]func(k *keeper){
		"another keeper": func(k *keeper) { k.journal = "journal-b"; k.upto += 100 },
		"an older copy":  func(k *keeper) { k.upto = 1; k.messages = k.messages[:1] },
	} {
		for _, running := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, running %v", name, running), func(t *testing.T) {
				inSession(t, func(t *testing.T, d *desk) {
					d.keeper.tell(about(succeeded, "old"))
					stop := d.run(t)
					d.after(time.Second)
					for range 5 {
						d.keeper.tell(about(attention, "main"))
					}
					d.after(time.Minute)
					if !running {
						stop()
					}
					d.keeper.change(func() { replace(d.keeper); d.keeper.states["main"] = client.StateNeedsLogin })
					d.keeper.tell(about(required, "main"))
					if !running {
						stop = d.run(t)
					}
					d.want(t, time.Minute, "main login.required")
					d.keeper.tell(code("main"))
					d.want(t, time.Second, "main login.code")
					stop()
				})
			})
		}
	}
}

func TestQuietHours(t *testing.T) {
	inSession(t, func(t *testing.T, d *desk) {
		stop := d.run(t)
		d.after(time.Second)
		until := time.Now().Add(time.Hour)
		d.keeper.change(func() { d.keeper.quiet = &until })
		d.keeper.tell(about(attention, "main"))
		d.want(t, 59*time.Minute)
		d.keeper.change(func() { d.keeper.quiet = nil })
		d.want(t, 3*time.Minute, "main account.attention")
		stop()
	})
}

// While the desktop takes nothing, what a code is worth is asked anew.
func TestACodeThatWasScannedMeanwhile(t *testing.T) {
	inSession(t, func(t *testing.T, d *desk) {
		d.screen.setFail(errors.New("no service"))
		stop := d.run(t)
		d.after(time.Second)
		d.keeper.tell(code("main"))
		d.want(t, 10*time.Second)
		d.keeper.change(func() { d.keeper.messages[0].Login = nil })
		d.screen.setFail(nil)
		d.want(t, 5*time.Minute)
		stop()
	})
}

func TestSeveralAccountsAtOnce(t *testing.T) {
	inSession(t, func(t *testing.T, d *desk) {
		stop := d.run(t)
		d.after(time.Second)
		until := time.Now().Add(10 * time.Second)
		for _, account := range []string{"a", "b", "c"} {
			m := about(required, account)
			m.Group, m.HoldUntil = "login.required", &until
			d.keeper.tell(m)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(d.screen.shown) != 1 {
			t.Fatalf("shown %q", d.screen.titles())
		}
		m := d.screen.shown[0]
		if m.Title != "a login.required (+2)" || m.Text != "a login.required\nb login.required\nc login.required" || len(m.Members) != 3 || m.Members[2].Account != "c" {
			t.Errorf("%+v", m)
		}
		stop()
	})
}

func TestTheFile(t *testing.T) {
	inSession(t, func(t *testing.T, d *desk) {
		stop := d.run(t)
		d.after(time.Second)
		d.keeper.tell(code("main"))
		d.want(t, time.Second, "main login.code")
		stop()
		info, err := os.Stat(d.state)
		if err != nil || info.Mode() != 0o600 {
			t.Errorf("%v, %v", info, err)
		}
		if dir, err := os.Stat(filepath.Dir(d.state)); err != nil || dir.Mode().Perm() != 0o700 {
			t.Errorf("%v, %v", dir, err)
		}
		data, err := os.ReadFile(d.state)
		if err != nil || strings.Contains(string(data), "canary") || d.log.count("canary") != 0 {
			t.Errorf("%v in %s", err, data)
		}
		// A file that makes no sense costs a repetition of what is open.
		if err := os.WriteFile(d.state, data[:len(data)/2], 0o600); err != nil {
			t.Fatal(err)
		}
		d.keeper.change(func() { d.keeper.states["main"] = client.StateLoggingIn })
		stop = d.run(t)
		d.want(t, time.Second, "main login.code")
		stop()
	})
}

func TestOneAgentASession(t *testing.T) {
	inSession(t, func(t *testing.T, d *desk) {
		stop := d.run(t)
		d.after(time.Second)
		err := Run(t.Context(), Options{Client: d.keeper.client(), State: d.state, Log: zerolog.Nop(), Channel: d.screen})
		if !errors.Is(err, ErrRunning) {
			t.Errorf("a second one: %v", err)
		}
		stop()
		d.run(t)()
	})
}

func TestADirectoryThatCannotBe(t *testing.T) {
	blocked := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, o := range []Options{
		{State: filepath.Join(blocked, "agent.json")},
		{State: filepath.Join(t.TempDir(), "agent.json"), Runtime: filepath.Join(blocked, "agent")},
	} {
		o.Client, o.Log, o.Channel = &client.Client{}, zerolog.Nop(), &screen{}
		if err := Run(t.Context(), o); err == nil {
			t.Error("an agent that cannot keep anything runs")
		}
	}
}

func TestOpenLabel(t *testing.T) {
	for _, tc := range []struct {
		env  map[string]string
		want string
	}{
		{nil, "Show the code"},
		{map[string]string{"LANG": "zh_CN.UTF-8"}, "显示二维码"},
		{map[string]string{"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, "Show the code"},
		{map[string]string{"LANG": "C", "LC_MESSAGES": "zh_TW"}, "显示二维码"},
	} {
		if got := OpenLabel(func(name string) string { return tc.env[name] }); got != tc.want {
			t.Errorf("%v: %q", tc.env, got)
		}
	}
}

func TestFromWire(t *testing.T) {
	mid, hold := int64(100200300), time.Unix(1, 0)
	m := fromWire(client.Message{Mid: &mid, HoldUntil: &hold, Members: []client.MessageMember{{Account: "a", Mid: &mid}, {Account: "b"}}})
	want := []notify.Member{{Account: "a", Mid: mid}, {Account: "b"}}
	if m.Mid != mid || m.HoldUntil != hold || !slices.Equal(m.Members, want) || m.Login != nil {
		t.Errorf("%+v", m)
	}
}
