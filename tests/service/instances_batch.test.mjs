// SPDX-License-Identifier: GPL-2.0-or-later
// Many of one image, one of them lost and had again, and what that one can do to the others.  Five
// starts, one of which ends at the boot loader.
import assert from "node:assert/strict";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import { after, test } from "node:test";
import { here, sleep } from "./lib.mjs";
import { base64, isHashOf, nonce, placing, startZone, telling, userData } from "./zone.mjs";

const z = await startZone(), { api } = z;
const words = [nonce(), nonce()], passwords = ["correct-Horse-7", "battery-Staple-9"];

// What every copy has in common, and its own MAC.
const alike = (word) => `${telling(word)}say "${word} mac=$(cat /sys/class/net/eth0/address)"
say "${word} packages=$(dpkg-query -W | sha256sum)"
say "${word} kernel=$(uname -r) $(cat /boot/vmlinuz-* /boot/initrd.img-* | sha256sum)"
say "${word} files=$(find /bin /etc/systemd /usr -xdev -type f ! -name '*.pyc' -printf '%P %s %m\\n' | sort | sha256sum)"
say "${word} size=$(df -k --output=size / | tail -n 1)"
`;
const SAME = ["packages", "kernel", "files", "size", "gateway", "shadow", "mark"];
const OWN = ["host", "address", "machine", "hostkey", "mac", "metadata"];

let base, ids, said;

test("three instances of one image come up alike, each with an identity of its own", async () => {
  base = await z.importGuest("good");
  // The last of them is damaged when it has spoken.
  ids = await z.run(base, { InstanceCount: 3, HostName: "node-{R:1}", LoginSettings: { Password: passwords[0] },
    UserData: base64(userData(`${alike(words[0])}say "${words[0]} end"
if [ "$(hostname)" = node-3 ]; then rm -rf /boot/*; sync; say "${words[0]} damaged"; fi
`)) });
  assert.equal(ids.length, 3);
  for (const id of ids) assert.equal((await z.settled(id)).InstanceState, "RUNNING");
  said = await Promise.all(ids.map((id) => z.speaks(id, words[0])));
  for (const key of SAME) {
    assert.ok(key === "mark" || said[0][key], `${key} of ${ids[0]}`);
    assert.deepEqual(said.map((s) => s[key]), Array(3).fill(said[0][key]), key);
  }
  for (const key of OWN) assert.equal(new Set(said.map((s) => s[key]).filter(Boolean)).size, 3, key);
  assert.deepEqual(said.map((s) => s.host), ["node-1", "node-2", "node-3"]);
  assert.deepEqual(said.map((s) => s.metadata), ids);
  assert.deepEqual(said.map((s) => s.address), (await Promise.all(ids.map(z.get))).map((i) => `${i.PrivateIpAddresses[0]}/20`));
  assert.ok(isHashOf(said[0].shadow, passwords[0]));
});

test("one that is damaged does not come up any more", async () => {
  const [, second, third] = ids;
  await z.watch(third, (text) => text.includes(`${words[0]} damaged`));
  await api.StopInstances({ InstanceIds: [second], StopType: "HARD" });
  await api.RebootInstances({ InstanceIds: [third], StopType: "HARD" });
  assert.equal((await z.settled(third)).InstanceState, "RUNNING", "the machine runs, whatever is on its disk");
  // Its console's log has begun anew.  GRUB places its letters one by one.
  const shown = () => z.console(third).replace(/\x1b\[[0-9;?]*[A-Za-z]/g, "");
  await z.watch(third, () => /error: file .*normal\.mod' not found/.test(shown()), 600);
  await sleep(10000);
  assert.doesNotMatch(shown(), /Linux version|login:|SAID-/);
});

// Whatever is asked of the host while the guest tries: nothing comes here.
const heard = [];
const trap = net.createServer((s) => {
  heard.push(s.remoteAddress);
  s.end("HTTP/1.0 200 OK\r\n\r\ntrapped\n");
});
after(() => trap.close());

test("it is had again from its image; and it has nothing of another one or of the host", async () => {
  const [first, second, third] = ids;
  const nodes = await Promise.all([first, third].map(async (id) => {
    const { mac, host } = said[ids.indexOf(id)], i = await z.get(id);
    return { id, uuid: i.Uuid, host, address: i.PrivateIpAddresses[0], mac };
  }));
  await new Promise((done) => trap.listen(0, "::", done));
  const hosts = Object.values(os.networkInterfaces()).flat().filter((a) => a.family === "IPv4").map((a) => a.address);
  const asked = { victim: nodes[0], own: nodes[1], gateway: said[0].gateway, hosts, ports: [trap.address().port, z.d.port] };
  await api.ResetInstance({ InstanceId: third, LoginSettings: { Password: passwords[1] },
    UserData: base64(userData(`${alike(words[1])}say "${words[1]} damage=$(ls /boot/vmlinuz-* | wc -l)"
${placing(fs.readFileSync(here("trespass.py")), "/root/trespass.py")}python3 /root/trespass.py '${JSON.stringify(asked)}' 2>&1 | while read -r line; do say "${words[1]} try_$line"; done
say "${words[1]} end"
`)) });
  const i = await z.settled(third);
  assert.deepEqual([i.InstanceState, i.LatestOperationState, i.ImageId], ["RUNNING", "SUCCESS", base]);
  const anew = await z.speaks(third, words[1], 1800);
  for (const key of ["packages", "kernel", "files", "size", "gateway", "address", "host", "mac", "metadata"])
    assert.equal(anew[key], said[2][key], key);
  for (const key of ["hostkey", "shadow"]) assert.notEqual(anew[key], said[2][key], key);
  assert.ok(isHashOf(anew.shadow, passwords[1]));
  assert.equal(anew.damage, "1");

  const tries = Object.entries(anew).filter(([key]) => key.startsWith("try_")).map(([key, text]) => [key.slice(4), text]);
  assert.deepEqual(tries.filter(([, text]) => /GAINED|Traceback/.test(text)), []);
  const outcome = Object.fromEntries(tries);
  assert.deepEqual([outcome.control, outcome.control_nova], ["own", "own"], "a plain question is answered");
  for (const [key, text] of tries) {
    if (/^(header_|signed|proxy|query)/.test(key)) assert.equal(text, "own", key);
    else if (/^path_/.test(key)) assert.match(text, /^40[04]$/, key);
    else if (/^(victim|service|nova|host|datagram)_/.test(key)) assert.equal(text, "none", key);
  }
  assert.ok(tries.length > 60, `${tries.length} attempts`);
  assert.match(outcome.connect, /^40/);
  assert.equal(outcome.frames, "none");
  assert.equal(outcome.vsock ?? "none", "none");
  // Whose name it takes makes no difference: the socket is its own.
  assert.match(outcome.as_address, /^(own|none)$/);
  assert.match(outcome.as_victim, /^(own|none)$/);
  assert.deepEqual([outcome.ports, outcome.cards, outcome.disks], ["org.qemu.guest_agent.0", "eth0 lo", "sr0 vda"]);
  assert.deepEqual(heard, []);
  assert.equal((await z.get(first)).InstanceState, "RUNNING");
  assert.doesNotMatch(z.console(first), /Kernel panic/);
  await z.terminate(first, second, third);
  assert.deepEqual(z.instances(), []);
});
