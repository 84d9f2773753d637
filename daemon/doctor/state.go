package doctor

import (
	"errors"
	"io/fs"
	"slices"
	"strconv"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
)

// What is little room. The vault itself stops writing far below.
const (
	littleRoom = 128 << 20
	noRoom     = 16 << 20
)

func judgeState(f *Facts, n *notes) {
	judgeStore(f, n)
	s := f.State
	switch err := s.Directory.Err; {
	case errors.Is(err, fs.ErrNotExist) && !f.answered():
		n.ok("vault.directory", s.Directory.Path, f.say("not there yet; the keeper makes it when it first starts"))
		return
	case err != nil:
		// The service's own directory is closed to everybody else.
		n.skip("vault.directory", s.Directory.Path, f.say("user %s cannot look at it: %v", f.User, err), "sudo bilikeeper doctor")
		return
	case !s.Directory.Mode.IsDir():
		n.wrong("vault.directory", s.Directory.Path, f.say("it is not a directory"), shell("mv", s.Directory.Path, s.Directory.Path+".old"))
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

// elsewhere reports whether the vault does not lie in a file here.
func (f *Facts) elsewhere() bool {
	c := f.Configuration.Value
	return c != nil && c.Store.Type == config.StoreEtcd
}

func judgeVault(f *Facts, n *notes) {
	const check = "vault.file"
	v := f.State.Vault
	switch {
	case errors.Is(v.Err, fs.ErrNotExist) && f.elsewhere():
		n.ok(check, v.Path, f.say("this host has no copy of the vault yet; the keeper makes it when it first reaches etcd"))
	case errors.Is(v.Err, fs.ErrNotExist) && f.State.Key.Err == nil:
		n.wrong(check, v.Path, f.say("the key is there and the vault is not: it was moved away or deleted, and the keeper does not start, rather than begin with an empty one"),
			f.command("vault", "restore")+" BACKUP")
	case errors.Is(v.Err, fs.ErrNotExist):
		n.ok(check, v.Path, f.say("not there yet; the keeper makes it when it first starts"))
	case v.Err != nil:
		n.skip(check, v.Path, f.say("user %s cannot look at it: %v", f.User, v.Err), "sudo bilikeeper doctor")
	case judgePrivate(f, n, check, v, "600"):
		n.ok(check, v.Path, described(f, v)+f.say("; what is in it is checked whenever the keeper opens it"))
	}
}

func judgeKey(f *Facts, n *notes) {
	const check = "vault.key"
	k := f.State.Key
	switch {
	case errors.Is(k.Err, fs.ErrNotExist) && f.answered():
		n.ok(check, k.Path, f.say("no key file lies beside the vault; the keeper opened it all the same"))
	case errors.Is(k.Err, fs.ErrNotExist) && f.State.Vault.Err == nil:
		n.wrong(check, k.Path, f.say("the vault is there and its key file is not; the keeper cannot start unless another slot of the vault is opened"),
			"install -m 600 BACKUP "+shell(k.Path)+f.say(" # from its backup"))
	case errors.Is(k.Err, fs.ErrNotExist):
	case k.Err != nil:
		n.skip(check, k.Path, f.say("user %s cannot look at it: %v", f.User, k.Err), "sudo bilikeeper doctor")
	case judgePrivate(f, n, check, k, "600"):
		n.ok(check, k.Path, described(f, k)+f.say("; it lies beside the vault, so a backup of the directory holds both, and whoever has that has the logins"))
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
		n.ok(check, v.Path, f.say("%d ways to open it, a recovery key among them", len(v.Slots)))
	case len(v.Slots) == 1 && v.Slots[0].Kind == client.SlotKeyFile:
		n.warn(check, v.Path, f.say("nothing but the key file opens the vault: where that is lost, so are the logins"), mend)
	default:
		n.warn(check, v.Path, f.say("there is no recovery key"), mend)
	}
}

// judgePrivate reports whether a file is closed and the keeper's own.
func judgePrivate(f *Facts, n *notes, check string, file File, mode string) bool {
	if f.OS == "windows" {
		n.skip(check, file.Path, f.say("modes say nothing on Windows; the access list of the profile keeps others out"), "")
		return false
	}
	if perm := file.Mode.Perm(); perm&0o077 != 0 {
		n.wrong(check, file.Path, f.say("its mode is %04o: other users may have read it, and the keeper refuses to start with it", perm),
			f.asOwner(file.Owner, shell("chmod", mode, file.Path)))
		return false
	}
	keeper, dir := f.keeperUID(), f.State.Directory.Owner
	switch {
	case file.Owner < 0 || keeper == 0:
		return true
	case keeper > 0 && file.Owner != keeper:
		n.wrong(check, file.Path, f.say("it belongs to user %d, and the keeper of user %d cannot use it", file.Owner, keeper),
			"sudo "+shell("chown", strconv.Itoa(keeper), file.Path))
		return false
	case keeper < 0 && file.Owner != dir:
		n.wrong(check, file.Path, f.say("it belongs to user %d and its directory to user %d, who cannot use it", file.Owner, dir),
			shell("chown", strconv.Itoa(dir), file.Path))
		return false
	}
	return true
}

func described(f *Facts, file File) string {
	text := f.say("mode %04o", file.Mode.Perm())
	if file.Owner >= 0 && file.Owner != f.UID {
		text += f.say(", user %d", file.Owner)
	}
	return text
}

func judgeFileSystem(f *Facts, n *notes) {
	const check = "vault.filesystem"
	dir, on := f.State.Directory.Path, f.State.FileSystem
	mend := f.say(`state_dir = "/var/lib/bilikeeper" # in %s: any directory on a local disk; move the files there while the keeper is stopped`, f.Places.Config)
	switch on.Kind {
	case Local:
		n.ok(check, dir, f.say("on %s", on.Name))
	case Network:
		n.wrong(check, dir, f.say("it lies on a network file system (%s): locks and mapped files are not to be relied upon there, and the vault may be damaged", on.Name), mend)
	case Bridged:
		n.warn(check, dir, f.say("it lies on %s: whether locks and mapped files hold there depends on what is at the other end", on.Name), mend)
	case Passing:
		detail := f.say("it lies on %s, which may be gone after the next start, and the logins with it", on.Name)
		if f.Container {
			mend = f.say("give the container a volume at %s", shell(dir))
		}
		n.warn(check, dir, detail, mend)
	default:
		why := f.say("the system does not tell what it lies on")
		if on.Name != "" {
			why = f.say("it lies on %s, of which nothing is known here", on.Name)
		}
		n.skip(check, dir, why, "")
	}
}

func judgeSpace(f *Facts, n *notes) {
	const check = "vault.space"
	dir := f.State.Directory.Path
	switch free := f.State.Free; {
	case f.State.FreeErr != nil:
		n.skip(check, dir, f.say("the free space is not known: %v", f.State.FreeErr), "")
	case free < noRoom:
		n.wrong(check, dir, f.say("%s are free: soon nothing can be saved, and then no login is begun", size(free)), shell("df", "-h", dir))
	case free < littleRoom:
		n.warn(check, dir, f.say("only %s are free; without room nothing can be saved, and no login is begun", size(free)), shell("df", "-h", dir))
	default:
		n.ok(check, dir, f.say("%s free", size(free)))
	}
}

func judgeSocket(f *Facts, n *notes) {
	if f.OS == "windows" {
		n.skip("socket.file", f.Places.Socket, f.say("the access list of its directory decides who may use it"), "")
		return
	}
	judgePlace(f, n)
	if dir := f.Beside; dir.Err == nil && dir.Mode&0o002 != 0 && dir.Mode&fs.ModeSticky == 0 {
		n.wrong("socket.directory", dir.Path, f.say("its mode is %04o: everybody may put a socket of their own there, and the keeper refuses to start", dir.Mode.Perm()),
			f.asOwner(dir.Owner, shell("chmod", "o-w", dir.Path)))
	}
	switch s := f.Socket; {
	case s.Err != nil || s.Mode&fs.ModeSocket == 0: // said where nobody answered
	case s.Mode&0o007 != 0:
		n.warn("socket.file", s.Path, f.say("its mode is %04o: everybody may connect; what they may do [[control.allow]] still decides", s.Mode.Perm()),
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
		n.ok(check, "XDG_RUNTIME_DIR", f.say("not set, and this system has no such directory for the user"))
		return
	}
	n.warn(check, "XDG_RUNTIME_DIR", f.say("not set in this shell: a keeper that was started in a session listens in %s, and is not found from here", f.UserRuntimeDir),
		"export XDG_RUNTIME_DIR="+shell(f.UserRuntimeDir))
}
