package packaging

import (
	"fmt"
	"strings"
	"time"
)

// WindowsShutdown is how long Windows waits for the keeper before it shuts down.
const WindowsShutdown = time.Minute

// WindowsRestarts are the pauses before the first start after a failure, the second,
// and each one from then on.
func WindowsRestarts() []time.Duration {
	return []time.Duration{5 * time.Second, 30 * time.Second, 5 * time.Minute}
}

// Windows are the commands that install the keeper as a service of Windows, which
// keeps no file: what the program does by itself.
func Windows(p Program) string {
	words := append([]string{p.Path, "daemon", "--service"}, p.Args()...)
	for i, word := range words {
		if strings.ContainsAny(word, " \t") {
			words[i] = `\"` + word + `\"`
		}
	}
	dir := p.StateDir
	if dir == "" {
		dir = `%ProgramData%\bilikeeper`
	}
	var actions []string
	for _, pause := range WindowsRestarts() {
		actions = append(actions, fmt.Sprintf("restart/%d", pause.Milliseconds()))
	}
	return fmt.Sprintf(`rem Only the system and administrators look into the directory of the vault.
md "%[1]s"
icacls.exe "%[1]s" /setowner *S-1-5-32-544
icacls.exe "%[1]s" /inheritance:r /grant:r *S-1-5-18:(OI)(CI)F *S-1-5-32-544:(OI)(CI)F
sc.exe create bilikeeper binPath= "%[2]s" start= delayed-auto DisplayName= "bilikeeper"
sc.exe description bilikeeper "Keeps Bilibili logins alive"
rem It is started again after a failure, but not after a wrong configuration.
sc.exe failure bilikeeper reset= 86400 actions= %[3]s
reg.exe add HKLM\SYSTEM\CurrentControlSet\Services\bilikeeper /v PreshutdownTimeout /t REG_DWORD /d %[4]d /f
rem The log is in the event log, under the source bilikeeper.
reg.exe add HKLM\SYSTEM\CurrentControlSet\Services\EventLog\Application\bilikeeper /v CustomSource /t REG_DWORD /d 1 /f
reg.exe add HKLM\SYSTEM\CurrentControlSet\Services\EventLog\Application\bilikeeper /v EventMessageFile /t REG_EXPAND_SZ /d "%%SystemRoot%%\System32\EventCreate.exe" /f
reg.exe add HKLM\SYSTEM\CurrentControlSet\Services\EventLog\Application\bilikeeper /v TypesSupported /t REG_DWORD /d 7 /f
`, dir, strings.Join(words, " "), strings.Join(actions, "/"), WindowsShutdown.Milliseconds())
}
