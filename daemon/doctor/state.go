package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

// What is little room. The vault itself stops writing far below.
const (
	littleRoom = 128 << 20
	noRoom     = 16 << 20
)

func judgeState(f *Facts, n *notes) {
	s := f.State
	switch err := s.Directory.Err; {
	case errors.Is(err, fs.ErrNotExist) && !f.answered():
		n.ok("vault.directory", s.Directory.Path, "not there yet; the keeper makes it when it first starts")
		return
	case err != nil:
		// The service's own directory is closed to everybody else.
		n.skip("vault.directory", s.Directory.Path, fmt.Sprintf("user %s cannot look at it: %v", f.User, err), "sudo bilikeeper doctor")
		return
	case !s.Directory.Mode.IsDir():
		n.wrong("vault.directory", s.Directory.Path, "it is not a directory", shell("mv", s.Directory.Path, s.Directory.Path+".old"))
		return
	}
	if judgePrivate(f, n, "vault.directory", s.Directory, "700") {
		n.ok("vault.directory", s.Directory.Path, described(f, s.Directory))
	}
	judgeVault(f, n)
	judgeKey(f, n)
	judgeSlots(f, n)
	judgeFileSystem(f, n)
	judgeSpace(f, n)
}

func judgeVault(f *Facts, n *notes) {
	const check = "vault.file"
	v := f.State.Vault
	switch {
	case errors.Is(v.Err, fs.ErrNotExist) && f.State.Key.Err == nil:
		n.wrong(check, v.Path, "the key is there and the vault is not: it was moved away or deleted, and the keeper does not start, rather than begin with an empty one",
			f.command("vault", "restore")+" BACKUP")
	case errors.Is(v.Err, fs.ErrNotExist):
		n.ok(check, v.Path, "not there yet; the keeper makes it when it first starts")
	case v.Err != nil:
		n.skip(check, v.Path, fmt.Sprintf("user %s cannot look at it: %v", f.User, v.Err), "sudo bilikeeper doctor")
	case judgePrivate(f, n, check, v, "600"):
		n.ok(check, v.Path, described(f, v)+"; what is in it is checked whenever the keeper opens it")
	}
}

func judgeKey(f *Facts, n *notes) {
	const check = "vault.key"
	k := f.State.Key
	switch {
	case errors.Is(k.Err, fs.ErrNotExist) && f.answered():
		n.ok(check, k.Path, "no key file lies beside the vault; the keeper opened it all the same")
	case errors.Is(k.Err, fs.ErrNotExist) && f.State.Vault.Err == nil:
		n.wrong(check, k.Path, "the vault is there and its key file is not; the keeper cannot start unless another slot of the vault is opened",
			"install -m 600 BACKUP "+shell(k.Path)+" # from its backup")
	case errors.Is(k.Err, fs.ErrNotExist):
	case k.Err != nil:
		n.skip(check, k.Path, fmt.Sprintf("user %s cannot look at it: %v", f.User, k.Err), "sudo bilikeeper doctor")
	case judgePrivate(f, n, check, k, "600"):
		n.ok(check, k.Path, described(f, k)+"; it lies beside the vault, so a backup of the directory holds both, and whoever has that has the logins")
	}
}

// judgeSlots finds a vault that is lost with one file.
func judgeSlots(f *Facts, n *notes) {
	const check = "vault.slots"
	v := f.Keeper.Vault
	if v == nil {
		return
	}
	mend := f.command("vault", "slots", "add", "recovery")
	switch {
	case slices.ContainsFunc(v.Slots, func(s client.VaultSlot) bool { return s.Kind == client.SlotRecovery }):
		n.ok(check, v.Path, fmt.Sprintf("%d ways to open it, a recovery key among them", len(v.Slots)))
	case len(v.Slots) == 1 && v.Slots[0].Kind == client.SlotKeyFile:
		n.warn(check, v.Path, "nothing but the key file opens the vault: where that is lost, so are the logins", mend)
	default:
		n.warn(check, v.Path, "there is no recovery key", mend)
	}
}

// judgePrivate reports whether a file is closed and the keeper's own.
func judgePrivate(f *Facts, n *notes, check string, file File, mode string) bool {
	if f.OS == "windows" {
		n.skip(check, file.Path, "modes say nothing on Windows; the access list of the profile keeps others out", "")
		return false
	}
	if perm := file.Mode.Perm(); perm&0o077 != 0 {
		n.wrong(check, file.Path, fmt.Sprintf("its mode is %04o: other users may have read it, and the keeper refuses to start with it", perm),
			f.asOwner(file.Owner, shell("chmod", mode, file.Path)))
		return false
	}
	keeper, dir := f.keeperUID(), f.State.Directory.Owner
	switch {
	case file.Owner < 0 || keeper == 0:
		return true
	case keeper > 0 && file.Owner != keeper:
		n.wrong(check, file.Path, fmt.Sprintf("it belongs to user %d, and the keeper of user %d cannot use it", file.Owner, keeper),
			"sudo "+shell("chown", strconv.Itoa(keeper), file.Path))
		return false
	case keeper < 0 && file.Owner != dir:
		n.wrong(check, file.Path, fmt.Sprintf("it belongs to user %d and its directory to user %d, who cannot use it", file.Owner, dir),
			shell("chown", strconv.Itoa(dir), file.Path))
		return false
	}
	return true
}

func described(f *Facts, file File) string {
	text := fmt.Sprintf("mode %04o", file.Mode.Perm())
	if file.Owner >= 0 && file.Owner != f.UID {
		text += fmt.Sprintf(", user %d", file.Owner)
	}
	return text
}

func judgeFileSystem(f *Facts, n *notes) {
	const check = "vault.filesystem"
	dir, on := f.State.Directory.Path, f.State.FileSystem
	mend := fmt.Sprintf(`state_dir = "/var/lib/bilikeeper" # in %s: any directory on a local disk; move the files there while the keeper is stopped`, f.Places.Config)
	switch on.Kind {
	case Local:
		n.ok(check, dir, "on "+on.Name)
	case Network:
		n.wrong(check, dir, fmt.Sprintf("it lies on a network file system (%s): locks and mapped files are not to be relied upon there, and the vault may be damaged", on.Name), mend)
	case Bridged:
		n.warn(check, dir, fmt.Sprintf("it lies on %s: whether locks and mapped files hold there depends on what is at the other end", on.Name), mend)
	case Passing:
		detail := fmt.Sprintf("it lies on %s, which may be gone after the next start, and the logins with it", on.Name)
		if f.Container {
			mend = "give the container a volume at " + shell(dir)
		}
		n.warn(check, dir, detail, mend)
	default:
		why := "the system does not tell what it lies on"
		if on.Name != "" {
			why = "it lies on " + on.Name + ", of which nothing is known here"
		}
		n.skip(check, dir, why, "")
	}
}

func judgeSpace(f *Facts, n *notes) {
	const check = "vault.space"
	dir := f.State.Directory.Path
	switch free := f.State.Free; {
	case f.State.FreeErr != nil:
		n.skip(check, dir, fmt.Sprintf("the free space is not known: %v", f.State.FreeErr), "")
	case free < noRoom:
		n.wrong(check, dir, fmt.Sprintf("%s are free: soon nothing can be saved, and then no login is begun", size(free)), shell("df", "-h", dir))
	case free < littleRoom:
		n.warn(check, dir, fmt.Sprintf("only %s are free; without room nothing can be saved, and no login is begun", size(free)), shell("df", "-h", dir))
	default:
		n.ok(check, dir, size(free)+" free")
	}
}

func judgeSocket(f *Facts, n *notes) {
	if f.OS == "windows" {
		n.skip("socket.file", f.Places.Socket, "the access list of its directory decides who may use it", "")
		return
	}
	judgePlace(f, n)
	if dir := f.Beside; dir.Err == nil && dir.Mode&0o002 != 0 && dir.Mode&fs.ModeSticky == 0 {
		n.wrong("socket.directory", dir.Path, fmt.Sprintf("its mode is %04o: everybody may put a socket of their own there, and the keeper refuses to start", dir.Mode.Perm()),
			f.asOwner(dir.Owner, shell("chmod", "o-w", dir.Path)))
	}
	switch s := f.Socket; {
	case s.Err != nil || s.Mode&fs.ModeSocket == 0: // said where nobody answered
	case s.Mode&0o007 != 0:
		n.warn("socket.file", s.Path, fmt.Sprintf("its mode is %04o: everybody may connect; what they may do [[control.allow]] still decides", s.Mode.Perm()),
			f.asOwner(s.Owner, shell("chmod", "o=", s.Path)))
	default:
		n.ok("socket.file", s.Path, described(f, s))
	}
}

// judgePlace finds a shell that looks in another place than the keeper that was
// started in a session.
func judgePlace(f *Facts, n *notes) {
	const check = "socket.place"
	if f.OS != "linux" || f.Places.System || f.RuntimeDir != "" || f.answered() {
		return
	}
	if f.UserRuntimeDir == "" {
		n.ok(check, "XDG_RUNTIME_DIR", "not set, and this system has no such directory for the user")
		return
	}
	n.warn(check, "XDG_RUNTIME_DIR", "not set in this shell: a keeper that was started in a session listens in "+f.UserRuntimeDir+", and is not found from here",
		"export XDG_RUNTIME_DIR="+shell(f.UserRuntimeDir))
}
