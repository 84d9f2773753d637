package chinese

// repairs are the texts about what is saved of a damaged vault.
var repairs = area{
	{"Save what still opens of a damaged vault; the keeper has to be stopped", "从损坏的保险库中救出仍能打开的内容；须先停止 keeper"},
	{`Reads what is left of a damaged vault, writes every record that still opens into
a new one, puts that in its place, and says what is lost. The damaged file stays
beside it, as vault.db.damaged-TIME. A vault that is whole is left as it is.

What is saved is proven by its seal. A record of which only an earlier state was
left is named: an account that was refreshed after it may need a login.`, `读取损坏的保险库中剩下的内容，把仍能打开的每条记录写入新的保险库并取代它，然后
说明丢失了什么。损坏的文件保留在旁边，名为 vault.db.damaged-时间。完好的保险库保
持不变。

救出的内容都经过密封校验。只剩较早状态的记录会列出来：之后轮换过的账号可能需要重
新登录。`},
	{"The vault is whole; nothing was changed.\n", "保险库完好，未作任何更改。\n"},
	{"The vault at %s is a new one: %d accounts, %d entries of the journal. The damaged file is now %s.", "%s 处已是新的保险库：%d 个账号，%d 条日志。损坏的文件现为 %s。"},
	{"damaged: %s", "已损坏：%s"},
	{"Nothing is lost.\n", "没有丢失任何内容。\n"},
	{"lost   %s\n", "丢失   %s\n"},
	{"older  %s: only an earlier state of it was left\n", "较早   %s：只剩较早的状态\n"},
	{"loose  %s: nothing led to it; it may have been removed\n", "游离   %s：没有任何内容指向它，可能早已删除\n"},
	{"A lost account is there again after a login, or in a backup: bilikeeper vault restore FILE.", "丢失的账号重新登录即可恢复，也可以从备份恢复：bilikeeper vault restore FILE。"},
	{"put a backup in its place: bilikeeper vault restore FILE; nothing was changed", "请用备份取代它：bilikeeper vault restore FILE；程序未作任何更改"},
	{"%s puts the newest copy that opens in its place; nothing was changed", "%s 会用能打开的最新副本取代它；程序未作任何更改"},
	{"bilikeeper vault restore FILE puts a backup in its place, bilikeeper vault repair saves what still opens", "bilikeeper vault restore FILE 用备份取代它，bilikeeper vault repair 救出仍能打开的内容"},
	{"bilikeeper vault restore FILE puts a backup in its place, bilikeeper vault repair saves what still opens; nothing was changed", "bilikeeper vault restore FILE 用备份取代它，bilikeeper vault repair 救出仍能打开的内容；程序未作任何更改"},
	{"The recovery key could not be shown, so its slot was taken back. Run the command again.", "恢复密钥未能显示，因此已撤回它的密钥槽。请重新运行命令。"},
	{"slot %s was made, its key could not be shown, and it could not be removed: %s", "密钥槽 %s 已建立，但密钥未能显示，也未能删除：%s"},
}
