package servicecmd

import "github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"

// What other commands do with the service, by way of who puts the tree together.

// Install installs the service, of the calling user or of the machine.
func Install(env *cli.Env, user bool) error {
	p, err := planOf(env, user)
	if err != nil {
		return err
	}
	return install(env, p)
}

// Control starts, stops or restarts the service.
func Control(env *cli.Env, action string, user bool) error {
	past := map[string]string{"start": "The service is started.", "stop": "The service is stopped.", "restart": "The service is restarted."}
	return control(env, action, past[action], user)
}

// Service tells which service manager there is, and whether the service runs.
func Service(env *cli.Env, user bool) (manager string, runs bool, err error) {
	m, err := managerOf(env, user)
	if err != nil {
		return "", false, err
	}
	s, err := m.state()
	return m.name(), s == running, err
}
