//go:build long

package keeper_test

import "github.com/bilikeeper/bilikeeper/passport/passporttest"

const (
	manyRotations = 1000
)

func refreshTroubles() []passporttest.Trouble {
	return append(passporttest.Troubles(), passporttest.CodeTrouble(-111), passporttest.CodeTrouble(86095))
}
