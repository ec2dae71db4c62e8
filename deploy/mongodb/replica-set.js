// Makes a replica set of new members and its first user, root, once. To be run on the member that becomes the first one, over
// 127.0.0.1 and without a login: MongoDB lets nobody else do this while there is no user (the localhost exception).
//
//   mongosh --quiet 'mongodb://127.0.0.1:27017/?directConnection=true' replica-set.js
//
// MEMBERS are the members as HOST:PORT with commas, SET the name (default: rs0), PASSWORDS as in create-users.js, of which the
// file 'root' is read. Called again, it changes nothing.
(() => {
    const fs = require('fs');
    const path = require('path');
    const admin = db.getSiblingDB('admin');
    const members = process.env.MEMBERS.split(',').map((host, id) => ({ _id: id, host }));
    const set = process.env.SET || 'rs0';
    const password = fs.readFileSync(path.join(process.env.PASSWORDS || '/run/secrets', 'root'), 'utf8').split(/\r?\n/)[0];
    if (password.length < 12) throw new Error('the password of root has less than 12 characters');
    // mongosh throws what other drivers return.
    const ask = (command) => {
        try {
            return admin.runCommand(command);
        } catch (error) {
            return { ok: 0, code: error.code, codeName: error.codeName, errmsg: error.message };
        }
    };
    // 23: it is initialized. 13: there is a user already, so all was done before.
    const made = ask({ replSetInitiate: { _id: set, members } });
    if (made.code === 13) return print('it was made before');
    if (made.ok !== 1 && made.code !== 23) throw new Error('cannot make ' + set + ': ' + made.errmsg);
    for (let tries = 0; ask({ hello: 1 }).isWritablePrimary !== true; tries += 1) {
        if (tries === 120) throw new Error('this member did not become the primary');
        sleep(500);
    }
    const user = ask({ createUser: 'root', pwd: password, roles: [{ role: 'root', db: 'admin' }] });
    // 51003: the user is there.
    if (user.ok !== 1 && user.code !== 13 && user.code !== 51003) throw new Error('cannot make root: ' + user.errmsg);
    print('made ' + set + ' of ' + members.length + ' members');
})();
