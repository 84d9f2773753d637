package chinese

// vaultsHelp is the help of the vault's commands.
var vaultsHelp = area{
	{"Show, check, back up and restore the vault, and change what opens it", "显示、检查、备份和恢复保险库，以及改动打开它的方式"},
	{`Shows, checks, backs up and restores the vault, and changes what opens it.

info, verify, backup and slots ask the keeper where one runs, and open the files
where none does. restore, repair, compact, rekey and migrate need the keeper stopped.

What opens the vault is tried in this order: the key file beside it, other files
and credentials of the service manager, a passphrase, a recovery key. Secrets are
asked on the terminal or read from a file that others cannot read; they are never
arguments. BILIKEEPER_VAULT_PASSPHRASE_FILE names such a file, for the keeper too.`, `显示、检查、备份和恢复保险库，以及改动打开它的方式。

info、verify、backup 和 slots 在 keeper 运行时由它来做，没有运行时直接打开文
件。restore、repair、compact、rekey 和 migrate 需要先停止 keeper。

打开保险库的方式按此顺序尝试：旁边的密钥文件、其他文件和服务管理器的凭据、口
令、恢复密钥。秘密在终端上询问，或从他人不可读的文件中读取，从不写在命令行上。
BILIKEEPER_VAULT_PASSPHRASE_FILE 指定这样的文件，对 keeper 也有效。`},
	{"`file` with the vault's passphrase", "从 `file` 读取保险库的口令"},
	{"`file` with the recovery key", "从 `file` 读取恢复密钥"},
	{"ask for the recovery key where nothing else opens the vault", "其他方式都打不开保险库时，询问恢复密钥"},

	{"Show what is in the vault, what opens it, and when it was backed up", "显示保险库里有什么、由什么打开、何时备份过"},
	{"Open every seal in the vault and check its file", "解开保险库的每处加密，并检查文件"},
	{"Write a copy of the vault, sealed as it is; - is standard output", "写出保险库的加密副本；- 为标准输出"},
	{`Writes a copy of the vault, as of one moment and as sealed as the vault is, while
the keeper goes on. The copy is opened by what opens the vault: without the key
file, a passphrase or the recovery key it is worth nothing. Keep it where the key
file is not.`, `写出保险库在某一时刻的副本，与保险库同样加密，keeper 可以继续运行。打开副本的方
式与保险库相同：没有密钥文件、口令或恢复密钥，它毫无用处。请不要与密钥文件放在
一起。`},

	{"Put a backup in the vault's place; the keeper has to be stopped", "用备份替换保险库；需要先停止 keeper"},
	{`Opens a backup, reads all of it, and puts it in the vault's place. The vault that
was there stays beside it, as vault.db.before-TIME.

It is opened by what opened the vault when the backup was made. Where the key
file is lost, --recovery asks for the recovery key; then make a new key file:
bilikeeper vault slots add keyfile --recovery.

A credential that was refreshed after the backup was made cannot be refreshed
from the backup, and may be dead: the keeper finds out, and asks for a login.`, `打开备份，完整读一遍，再用它替换保险库。原来的保险库留在旁边，名为
vault.db.before-TIME。

打开备份的方式是备份时能打开保险库的方式。密钥文件丢失时，--recovery 会询问恢复
密钥；之后请生成新的密钥文件：bilikeeper vault slots add keyfile --recovery。

备份之后轮换过的凭据无法再从备份续期，也可能已经失效：keeper 会发现，并
要求登录。`},
	{"also where it is the backup of another vault", "即使是另一个保险库的备份也恢复"},

	{"Write the vault anew without its free pages; the keeper has to be stopped", "去掉空闲页，重写保险库；需要先停止 keeper"},
	{"Seal everything anew under a new key; the keeper has to be stopped", "用新密钥重新加密全部内容；需要先停止 keeper"},
	{`Makes a new data key and seals everything anew under it. Slots that were removed,
and old copies of the file, open nothing of what is written from then on. Backups
that were made before go on opening with what opened them.

Each slot is wrapped again, for which its secret is needed: files are read,
passphrases and recovery keys asked for, or read with --passphrase-file and
--recovery-file. --drop-slots lets those go whose secret is not at hand.

The secrets themselves stay. Where one has leaked: add another slot, remove the
one that leaked, then rekey, then make a new backup and destroy the old ones.`, `生成新的数据密钥，重新加密全部内容。已删除的槽和文件的旧副本，都打不开此后写入
的内容。以前的备份仍由当时的方式打开。

每个槽都要重新封装，因此需要它的秘密：文件会直接读取，口令和恢复密钥会询问，或
用 --passphrase-file 和 --recovery-file 读取。--drop-slots 放弃
手头没有秘密的槽。

秘密本身不变。如果某个秘密泄露了：先添加另一个槽，删除泄露的那个，再运行
rekey，然后做新的备份并销毁旧的。`},
	{"remove the slots whose secret is not in a file", "删除秘密不在文件中的槽"},

	{"Show and change what opens the vault", "显示和改动打开保险库的方式"},
	{`Shows and changes what opens the vault. Each slot alone opens it. Where a keeper
runs it makes the change, for its own user and for root alone.

A slot that was removed still opens copies of the vault that were made before;
bilikeeper vault rekey keeps it out of what is written from then on.`, `显示和改动打开保险库的方式。任意一个槽都能打开它。keeper 运行时由它来改动，只接
受它自己的用户和 root 的要求。

已删除的槽仍能打开以前的副本；bilikeeper vault rekey 使它打不开此后写入的内容。`},
	{"Show the slots", "显示各个槽"},
	{"Make one more way to open the vault", "添加一种打开保险库的方式"},
	{`Makes one more way to open the vault:

  recovery     a recovery key, printed once; write it down and keep it elsewhere
  passphrase   asked twice on the terminal, or read with --new-passphrase-file
  keyfile      the key file beside the vault, made anew where it is lost
  file PATH    another file that the keeper can read: a key file, or 32 bytes and
               more that cannot be guessed. With --credential NAME the keeper finds
               it as a credential of the service manager (LoadCredential=NAME:PATH)`, `添加一种打开保险库的方式：

  recovery     恢复密钥，只显示一次；请抄下来，存放在别处
  passphrase   口令，在终端上询问两次，或用 --new-passphrase-file 读取
  keyfile      保险库旁边的密钥文件，丢失时重新生成
  file PATH    keeper 能读取的其他文件：密钥文件，或 32 字节以上无法猜到的内容。
               加上 --credential NAME 时，keeper 从服务管理器的凭据中找到它
               （LoadCredential=NAME:PATH）`},
	{"a `text` that tells the slot from others", "给槽加上文字 `text`，以便区分"},
	{"the `name` under which the service manager passes the file on", "服务管理器以 `name` 为名传递该文件"},
	{"`file` with the new passphrase", "从 `file` 读取新口令"},
	{"Take a way to open the vault away", "删除一种打开保险库的方式"},
	{"the slot (`ID`) that opens the vault from then on, where none is left that needs no person", "没有无需人参与的槽时，以后用槽 `ID` 打开保险库"},
	{"Move everything from the vault into etcd, or back; the keeper has to be stopped", "把保险库中的一切移到 etcd，或移回来；需要先停止 keeper"},
	{`Moves accounts, journal and slots to another place, with the same key: what opens
the vault opens it there, recovery keys included. Both sides are read from end to end
and their digests compared, and the old vault is left as it is: a file as
vault.db.moved-TIME, in etcd with a note. Cut off at any moment, it goes on when it is
run again. The configuration is not changed; the lines to change are printed.

PLACE is one of:

  etcd                        what [store] names
  etcd://HOST:PORT,…/PREFIX   members of etcd; how they are spoken to [store] says.
                              http:// in the place of etcd:// is in the clear, https://
                              is not; etcd:// is https, but for this machine alone
  bolt                        the file in the state directory
  bolt:FILE                   another file, which vault restore puts in place

From etcd everything comes that the keepers share, and what this host keeps for
itself. All keepers have to be stopped then.`, `把账号、日志和各个槽移到另一处，密钥不变：打开保险库的方式在那里同样有效，包括
恢复密钥。两边都从头到尾读一遍并比较摘要，旧的保险库保持原样：文件改名为
vault.db.moved-TIME，在 etcd 中则留下标记。随时中断都可以，再运行一次即可继续。
配置不会改动；需要修改的几行会打印出来。

PLACE 为其中之一：

  etcd                        [store] 中所写的
  etcd://HOST:PORT,…/PREFIX   etcd 的成员；连接方式按 [store]。用 http:// 代替
                              etcd:// 为明文，https:// 为加密；etcd:// 为
                              https，只有本机例外
  bolt                        状态目录中的文件
  bolt:FILE                   另一个文件，由 vault restore 放到位

从 etcd 移出的是各个 keeper 共用的内容，以及本机自己保存的内容。此时所有 keeper
都必须停止。`},
	{"where everything is moved to (`place`)", "移到哪里（`place`）"},
}
