// Package elsewhere has, in Chinese, the texts that people read on the command line
// and that other packages write: the doctor's findings, the comments of the
// configuration, what is wrong with one, what the keeper answers, the errors of the
// libraries and of the system. A file holds the texts of one area.
//
// What the commands themselves print may not come in; that is package chinese's,
// whose tests look over this one, too.
//
// What the package guarantees: a Chinese format takes the values of the English
// one.
package elsewhere

// Area is a list of texts. A list costs nothing before it is read; a program that
// speaks English never reads it.
type Area []struct{ English, Chinese string }

// Printed are texts that are looked up as they are written.
func Printed() []Area {
	return []Area{doctorKeeper, doctorFiles, doctorStore, comments, channelComments, library}
}

// Formed are texts that arrive with their values in them, where no language is
// known, and are found by their formats. A value that is a text of its own is a %w
// there.
func Formed() []Area {
	return []Area{helpFormats, system, problems, siteAnswers, faults, parts, vaultErrors, imports}
}

// Sourced are those of Formed that are written in this module.
func Sourced() []Area {
	return []Area{problems, siteAnswers, faults, parts, vaultErrors, imports}
}
