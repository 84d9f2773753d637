package alert

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/catalog"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/keeper/keepertest"
	"github.com/bilikeeper/bilikeeper/notify"
	"github.com/bilikeeper/bilikeeper/passport/passporttest"
)

func chatOf(t *testing.T, h *keepertest.Fixture, language string, accounts ...string) chat {
	t.Helper()
	words, err := catalog.New(language)
	if err != nil {
		t.Fatal(err)
	}
	return chat{
		keeper: h.Keeper, channel: "pocket", accounts: accounts, words: words.Chat(), reminders: newReminders(h.Keeper, "pocket"), mu: new(sync.Mutex),
	}
}

// says asks and wants a text in the answer.
func says(t *testing.T, c chat, q notify.Question, want string) notify.Answer {
	t.Helper()
	a := c.answer(context.Background(), q)
	if !strings.Contains(a.Text, want) {
		t.Errorf("%+v is answered with %q, want %q", q, a.Text, want)
	}
	return a
}

func TestChat(t *testing.T) {
	keepertest.Run(t, nil, func(h *keepertest.Fixture) {
		c := chatOf(t, h, catalog.English, "*")
		says(t, c, notify.Question{Verb: "status"}, "There is no account here.")
		says(t, c, notify.Question{Verb: "login", Account: "nobody"}, "There is no account nobody here.")
		if len(h.Keeper.Records()) != 0 {
			t.Fatal("a chat has added an account")
		}
		h.Login("main", keepertest.Mid)
		says(t, c, notify.Question{Verb: "start"}, "/login NAME")
		says(t, c, notify.Question{Verb: "status"}, "main (example): logged in, checked ")
		says(t, c, notify.Question{Verb: "check"}, "main: logged in")
		says(t, c, notify.Question{Verb: "login", Account: "main", Pressed: true}, "no code is needed")
		h.Login("other", keepertest.Stranger)
		says(t, c, notify.Question{Verb: "check"}, "Which account? There are: main, other")
		says(t, chatOf(t, h, catalog.English, "other"), notify.Question{Verb: "check", Account: "main"}, "There is no account main here.")
		says(t, chatOf(t, h, catalog.Chinese, "other"), notify.Question{Verb: "status"}, "other (somebody): 已登录")

		h.Site.Kill(keepertest.Mid)
		says(t, c, notify.Question{Verb: "check", Account: "main"}, "the session is dead. Log in again: /login main")
		h.Site.SetTrouble(passporttest.Any, passporttest.HTTP412)
		says(t, c, notify.Question{Verb: "check", Account: "other"}, "the site blocks questions")
	})
}

// A code that was asked for works, and the person who scans it is done.
func TestChatBringsCode(t *testing.T) {
	keepertest.Run(t, nil, func(h *keepertest.Fixture) {
		c := chatOf(t, h, catalog.English, "main")
		h.Login("main", keepertest.Mid)
		h.Kill()
		time.Sleep(10 * time.Minute) // the keeper's own code has died
		a := says(t, c, notify.Question{Verb: "login", Account: "main", Pressed: true}, "Scan this code")
		if a.Login == nil || a.Login.URL.Reveal() != h.Code() || len(a.Login.PNG) == 0 || !a.Login.ExpiresAt.After(time.Now()) {
			t.Fatalf("the code is %+v", a.Login)
		}
		again := says(t, c, notify.Question{Verb: "login"}, "Scan this code")
		if again.Login.URL.Reveal() != a.Login.URL.Reveal() {
			t.Error("a second question draws a second code while the first one lives")
		}
		h.Scan(a.Login.URL.Reveal(), keepertest.Mid)
		time.Sleep(time.Minute)
		h.WantState(client.StateValid)
	})
}

// Codes of one account are bounded in an hour, whatever chat asks, over a
// restart too.
func TestChatCountsCodes(t *testing.T) {
	keepertest.Run(t, nil, func(h *keepertest.Fixture) {
		h.Login("main", keepertest.Mid)
		before := h.Site.Requests(passporttest.PathGenerate)
		for i := range 2 * maxCodes {
			if i == maxCodes/2 {
				h.Restart()
			}
			c := chatOf(t, h, catalog.English, "*")
			if i < maxCodes {
				says(t, c, notify.Question{Verb: "login", Account: "main"}, "Scan this code")
			} else {
				says(t, c, notify.Question{Verb: "login", Account: "main"}, "Enough codes for main")
			}
			time.Sleep(4 * time.Minute)
		}
		if drawn := h.Site.Requests(passporttest.PathGenerate) - before; drawn != maxCodes {
			t.Errorf("%d codes were drawn, want %d", drawn, maxCodes)
		}
		time.Sleep(codesWithin)
		says(t, chatOf(t, h, catalog.English, "*"), notify.Question{Verb: "login", Account: "main"}, "Scan this code")
	})
}

// A button that is pressed while a login has a code no more brings the next one, and
// the answer says when its code is over.
func TestChatBetweenCodes(t *testing.T) {
	keepertest.Run(t, nil, func(h *keepertest.Fixture) {
		c := chatOf(t, h, catalog.English, "*")
		h.Login("main", keepertest.Mid)
		h.Kill()
		first := h.Code()
		l, err := h.Keeper.Logins().Get(h.Account("main").LoginID)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Until(*l.ExpiresAt) - codeNeeds/2)
		a := says(t, c, notify.Question{Verb: "login", Account: "main", Pressed: true}, "Scan this code")
		if a.Login == nil || a.Login.URL.Reveal() == first || time.Until(a.Login.ExpiresAt) < 2*time.Minute || a.Login.AppURL.IsZero() {
			t.Fatalf("the code is %+v", a.Login)
		}
		if a.Over == nil {
			t.Fatal("nothing tells when the code is over")
		}
		h.Scan(a.Login.URL.Reveal(), keepertest.Mid)
		begun := time.Now()
		a.Over(context.Background())
		h.WantState(client.StateValid)
		if took := time.Since(begun); took > time.Minute {
			t.Errorf("the code was over after %s", took)
		}
	})
}
