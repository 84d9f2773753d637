package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
)

// speaker is an Env in an environment, with a configuration where text is not "".
func speaker(t *testing.T, text string, environment ...string) *Env {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.toml")
	if text != "" {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return &Env{Stderr: new(bytes.Buffer), Stdout: new(bytes.Buffer), Flags: config.Flags{Config: path}, Getenv: func(name string) string {
		for _, variable := range environment {
			if value, ok := strings.CutPrefix(variable, name+"="); ok {
				return value
			}
		}
		return ""
	}}
}

func TestLanguage(t *testing.T) {
	for _, tt := range []struct {
		file, environment string
		chinese           bool
	}{
		{"", "", false},
		{"", "LANG=C", false},
		{"", "LANG=C.UTF-8", false},
		{"", "LANG=en_US.UTF-8", false},
		{"", "LANG=de_DE.UTF-8", false},
		{"", "LANG=zh_CN.UTF-8", true},
		{"", "LANG=zh_CN.utf8", true},
		{"", "LANG=zh_TW.UTF-8@radical", true},
		{"", "LANG=zh_CN", false}, // that of the C library is GB2312
		{"", "LANG=zh_CN.GBK", false},
		{"", "LANG=zh_CN.GB18030", false},
		{"", "LC_ALL=C LANG=zh_CN.UTF-8", false},
		{"", "LC_MESSAGES=zh_CN.UTF-8 LANG=en_US.UTF-8", true},
		{"", "LC_ALL=zh_CN.UTF-8 LC_MESSAGES=C", true},
		{`locale = "zh-CN"`, "LANG=C", true},
		{`locale = 'zh'`, "LANG=C", true},
		{`locale = "en"`, "LANG=zh_CN.UTF-8", false},
		{`locale = "auto"`, "LANG=zh_CN.UTF-8", true},
		{`locale = "martian"`, "LANG=zh_CN.UTF-8", false},
		{"# a comment\n\nstate_dir = \"/x\"\n  locale=\"zh-CN\" # here\n", "", true},
		{"locale_of_another = \"zh-CN\"", "", false},
		{"[log]\nlocale = \"zh-CN\"", "", false},
		{"locale = zh-CN", "", false},
	} {
		got := speaker(t, tt.file, strings.Fields(tt.environment)...).Language()
		if got != (Language{chinese: tt.chinese}) {
			t.Errorf("%q, %s: Chinese is %v", tt.file, tt.environment, !tt.chinese)
		}
	}
}

// What a failure is made of is in the language, too, and what others say of it.
func TestFailuresInChinese(t *testing.T) {
	problem := &client.Problem{Type: client.ProblemNoAccount, Detail: `there is no account "x"`, Hint: "did you mean y? bilikeeper status lists the accounts; bilikeeper login x adds this one"}
	for _, tt := range []struct {
		err  error
		want string
	}{
		{FailWith(ExitUsage, Format("did you mean --%s?", "x"), "%s needs an account's name", "get"), "错误：get 需要一个账号名\n提示：您是不是要找 --x？"},
		{Fail(ExitUsage, "", "read the login: %w", &fs.PathError{Op: "open", Path: "f", Err: fs.ErrNotExist}), "错误：读取登录：打开 f：文件不存在"},
		{Fail(ExitUsage, "", "%w", errors.New("unknown flag: --x")), "错误：没有 --x 这个参数"},
		{fmt.Errorf("%w: %w", client.ErrBroken, errors.New("100%% of it")), "错误：keeper 还没有应答就退出了：100%% of it"},
		{problem, `错误：没有账号 "x"` + "\n提示：您是不是要找 y？bilikeeper status 会列出所有账号；bilikeeper login x 会添加这一个"},
		{fmt.Errorf("main: %w", problem), `错误：main：没有账号 "x"` + "\n提示：您是不是要找 y？bilikeeper status 会列出所有账号；bilikeeper login x 会添加这一个"},
		{&config.Error{File: "f", Problems: []config.Problem{{Line: 2, Column: 1, Key: "k", What: "is not a known key", Hint: "did you mean l?"}, {Key: "m", What: `"n" is not known`}}},
			"错误：f:2:1: k: 不是已知的键；您是不是要找 l？\n错误：f: m: \"n\" 不是已知的值"},
		{errors.New("what nobody has put into Chinese"), "错误：what nobody has put into Chinese"},
	} {
		e := speaker(t, "", "LANG=zh_CN.UTF-8")
		e.ran = true
		e.Report(tt.err)
		got := strings.TrimSpace(strings.ReplaceAll(e.Stderr.(*bytes.Buffer).String(), "bilikeeper: ", ""))
		if got != tt.want {
			t.Errorf("%v: got\n%s\nwant\n%s", tt.err, got, tt.want)
		}
	}
}

func TestHelpInChinese(t *testing.T) {
	e := speaker(t, "", "LANG=zh_CN.UTF-8")
	root := &cobra.Command{Use: "bilikeeper"}
	e.Prepare(root)
	below := &cobra.Command{Use: "wait", Short: "Wait until an account is in a state, for scripts", RunE: help}
	below.Flags().Int("timeout", 3, "give up after this long")
	root.AddCommand(below)
	if code := e.Execute(t.Context(), root, []string{"wait", "--help"}); code != ExitDone {
		t.Fatalf("exit code %d", code)
	}
	want := `等待账号进入某个状态，供脚本使用

用法：
  bilikeeper wait [flags]

参数：
  -h, --help          wait 的帮助
      --timeout int   超过这个时间就放弃 (默认 3)

全局参数：
      --config file   使用配置文件 file
      --json          在标准输出上输出便于程序读取的 JSON
      --socket path   keeper 的控制套接字 path
`
	if got := e.Stdout.(*bytes.Buffer).String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
