package main

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// The paths that a login is polled at, and asked whose it is.
const (
	pathPoll = "/x/passport-login/web/qrcode/poll"
	pathNav  = "/x/web-interface/nav"
)

// atThePoll: the code was scanned, and the site does not say what came of it,
// once. The person's tap on the phone is found all the same.
const atThePoll = `
exec bilikeeper daemon &keeper&
ready
exec sh -c 'bilikeeper login main 2>said; echo $? >code' &login&
phone scan
says said 'Scanned. Confirm the login on the phone.'
site trouble KIND ` + pathPoll + ` 1
phone confirm
wait login
grep '^0$' code
grep '^ok main is logged in as example' said
! grep 'nobody scanned|was not logged in' said
exec bilikeeper get main
stdout '^SESSDATA='
`

// overdueAtThePoll: it does not say so for longer than the command waits.
const overdueAtThePoll = `
exec bilikeeper daemon &keeper&
ready
exec sh -c 'bilikeeper login main --timeout 8s 2>said; echo $? >code' &login&
phone scan
says said 'Scanned. Confirm the login on the phone.'
site trouble KIND ` + pathPoll + `
phone confirm
wait login
grep '^6$' code
grep '^bilikeeper: error: main: the site did not say within 8s whether the code was confirmed on the phone: .*; it is asked again at [0-9:]+ UTC$' said
grep '^bilikeeper: hint: the keeper goes on asking' said
! grep 'nobody|not confirmed' said
site trouble none ` + pathPoll + `
exec bilikeeper wait main --timeout 60s
exec bilikeeper get main
stdout '^SESSDATA='
`

// atNav: the login is granted, and the site does not say whose it is. It is kept,
// over a restart too.
const atNav = `
exec bilikeeper daemon &keeper&
ready
site trouble KIND ` + pathNav + `
exec sh -c 'bilikeeper login main 2>said; echo $? >code' &login&
phone login
wait login
grep '^6$' code
grep '^bilikeeper: error: main: the login is granted and saved; the site could not be asked whose it is: .*; it is asked again at [0-9:]+ UTC$' said
! grep 'nobody scanned|was not logged in' said
exits 6 bilikeeper get main
stderr 'a login was granted and is saved'
exits 6 bilikeeper check main
stdout 'it is asked again at [0-9:]+ UTC'
exits 6 bilikeeper check main --force
exec bilikeeper status
stdout '^main: a login was granted and is saved'
kill -INT keeper
wait keeper
exec bilikeeper daemon &again&
ready
exits 6 bilikeeper get main
site trouble none ` + pathNav + `
exec bilikeeper check main --force
stdout '^main: ok'
exec bilikeeper get main
stdout '^SESSDATA='
exec bilikeeper events --json
! stdout 'login.failed'
`

// atNavOnce: one denial right after the grant proves nothing.
const atNavOnce = `
exec bilikeeper daemon &keeper&
ready
site trouble KIND ` + pathNav + ` 1
phone login
exec bilikeeper login main --timeout 60s
stderr '^ok main is logged in as example'
exec bilikeeper get main
stdout '^SESSDATA='
exec bilikeeper events --json
! stdout 'login.failed'
`

// oddRefresh: the reply is not what it should be, and what it gave is the
// account's: it is kept, proven, and put to use.
const oddRefresh = `
exec bilikeeper daemon &keeper&
ready
phone login
exec bilikeeper login main --timeout 60s
exec bilikeeper get main
cp stdout before
site alter KIND
site trouble html ` + pathNav + `
exits 6 bilikeeper refresh main --force
stdout '^main: not refreshed: the new pair is saved; the site has yet to say whose it is, .*; it is asked again at [0-9:]+ UTC$'
exec bilikeeper get main
cmp stdout before
kill -INT keeper
wait keeper
site trouble none ` + pathNav + `
exec bilikeeper daemon &again&
ready
exec bilikeeper refresh main --force
stdout '^main: refreshed, generation 2$'
site asked /x/passport-login/web/cookie/refresh 1
exec bilikeeper get main
! cmp stdout before
stdout 'DedeUserID=100200300;'
exec bilikeeper check main
stdout '^main: ok$'
`

// deniedRefresh: the site denies the new pair twice. The old one goes on.
const deniedRefresh = `
exec bilikeeper daemon &keeper&
ready
phone login
exec bilikeeper login main --timeout 60s
exec bilikeeper get main
cp stdout before
site alter KIND
site trouble code-101 ` + pathNav + `
exits 6 bilikeeper refresh main --force
exec sh -c 'until bilikeeper events --json | grep session.refresh_failed; do sleep 0.05; done'
exec bilikeeper get main
cmp stdout before
site trouble none ` + pathNav + `
exec bilikeeper check main
stdout '^main: ok$'
exec bilikeeper status main
stdout '^generation +1$'
`

// siteBlocks are the ways in which the site says that it wants to be left alone.
func siteBlocks() []string { return []string{"http-412", "code-412", "code-352", "code-799", "html"} }

// TestEdgesOnTheBinary: whatever the site answers right after it has granted
// something, nothing of it is lost, and people read what is the case.
func TestEdgesOnTheBinary(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the scripts use signals and a shell")
	}
	t.Parallel()
	dir := t.TempDir()
	for template, kinds := range map[string][]string{
		"poll " + atThePoll:           append([]string{"code-101"}, blocksAtThePoll()...),
		"overdue " + overdueAtThePoll: blocksOverdue(),
		"nav " + atNav:                siteBlocks(),
		"once " + atNavOnce:           {"code-101"},
		"odd " + oddRefresh:           {"other-user", "other-domain", "no-attributes"},
		"denied " + deniedRefresh:     {"other-user", "other-domain"},
	} {
		name, script, _ := strings.Cut(template, " ")
		for _, kind := range kinds {
			file := filepath.Join(dir, name+"_"+kind+".txtar")
			if err := os.WriteFile(file, []byte(strings.ReplaceAll(script, "KIND", kind)), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	testscript.Run(t, scripts(dir))
}
