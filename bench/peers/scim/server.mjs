// scimmy-routers as its README shows it, keeping users in memory: nothing is written anywhere, and what is unique is found by maps.
import express from "express";
import SCIMMY from "scimmy";
import SCIMMYRouters from "scimmy-routers";

const token = process.argv[2];
const users = new Map();
const names = new Map();

SCIMMY.Config.set({ bulk: { supported: true, maxOperations: 1000, maxPayloadSize: 4194304 } });
SCIMMY.Resources.declare(SCIMMY.Resources.User)
  .ingress((resource, user) => {
    const name = user.userName.toLowerCase();
    if (names.has(name)) throw new SCIMMY.Types.Error(409, "uniqueness", "The user name is taken");
    const id = String(users.size + 1), now = new Date();
    const made = { ...JSON.parse(JSON.stringify(user)), id, meta: { created: now, lastModified: now } };
    users.set(id, made);
    names.set(name, id);
    return made;
  })
  .egress((resource) => (resource.id ? users.get(resource.id) : [...users.values()]))
  .degress((resource) => users.delete(resource.id));

const app = express();
app.use("/scim/v2", new SCIMMYRouters({
  type: "bearer",
  handler: (request) => {
    if (request.header("Authorization") !== `Bearer ${token}`) throw new Error("not authorized");
    return "hr";
  },
}));
const server = app.listen(0, "127.0.0.1", () => console.log(server.address().port));
