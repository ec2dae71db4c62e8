// Makes the users of users/*.json, or gives those that are there the roles and the password of the file:
//
//   mongosh --quiet 'mongodb://root@db1:27017/?authSource=admin&replicaSet=rs0' create-users.js
//
// Asks for the password of root, or with LOGIN=root and a connection string without a user reads it from PASSWORDS/root. USERS names the files, with a comma between them (default: backup). The password of a user is the first line of the file
// PASSWORDS/NAME, PASSWORDS being a folder (default: /run/secrets). Nothing secret is an argument or is printed.
(() => {
    const fs = require('fs');
    const path = require('path');
    const here = __dirname;
    const admin = db.getSiblingDB('admin');
    const names = (process.env.USERS || 'backup').split(',').filter((name) => name !== '');
    const passwordOf = (user) => {
        const file = path.join(process.env.PASSWORDS || '/run/secrets', user);
        const password = fs.readFileSync(file, 'utf8').split(/\r?\n/)[0];
        if (password.length < 12) throw new Error('the password in ' + file + ' has less than 12 characters');
        return password;
    };
    if (process.env.LOGIN) admin.auth(process.env.LOGIN, passwordOf(process.env.LOGIN));
    for (const name of names) {
        const user = JSON.parse(fs.readFileSync(path.join(here, 'users', name + '.json'), 'utf8'));
        const password = passwordOf(user.createUser);
        const known = admin.runCommand({ usersInfo: user.createUser });
        if (known.ok !== 1) throw new Error('cannot ask for user ' + user.createUser + ': ' + known.errmsg);
        const { createUser, ...rest } = user;
        const done = admin.runCommand(
            known.users.length === 0
                ? { createUser, pwd: password, ...rest }
                : { updateUser: createUser, pwd: password, ...rest });
        if (done.ok !== 1) throw new Error('cannot make user ' + createUser + ': ' + done.errmsg);
        print((known.users.length === 0 ? 'made ' : 'changed ') + createUser);
    }
})();
