package daemon

import (
	"context"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

func (k *Keeper) Import(context.Context, client.ImportRequest) (client.ImportResult, error) {
	return client.ImportResult{}, badRequest("not yet")
}
func (k *Keeper) Logout(context.Context, string) (client.LogoutResult, error) {
	return client.LogoutResult{}, badRequest("not yet")
}
