// SPDX-License-Identifier: GPL-2.0-or-later
// The life of instances with a real system: import, run, image of it, another one of that image,
// reset, terminate. Three starts, emulated: some minutes.
import assert from "node:assert/strict";
import { test } from "node:test";
import { base64, isHashOf, nonce, startZone, telling, userData } from "./zone.mjs";

const z = await startZone(), { api } = z;
const UserData = (word) => base64(userData(`${telling(word)}echo "of ${word}" >/root/mark
sync
say "${word} end"
`));

let base, made, first, said;
const password = "correct-Horse-7", words = [nonce(), nonce(), nonce()];

test("a guest is imported", async () => {
  base = await z.importGuest("good");
});

test("an instance of it has its name, its password, its address, and answers of its own", async () => {
  first = await z.run(base, { UserData: UserData(words[0]), HostName: "first-1", LoginSettings: { Password: password } });
  assert.equal((await z.settled(first)).InstanceState, "RUNNING");
  said = await z.speaks(first, words[0]);
  assert.equal(said.host, "first-1");
  assert.equal(said.address, "10.66.0.2/20");
  assert.equal(said.gateway, "10.66.0.1");
  assert.match(said.shadow, /^\$6\$/);
  assert.ok(isHashOf(said.shadow, password));
  assert.equal(said.metadata, first);
  assert.equal(said.mark, "");
});

test("it powers off when it is asked, and an image is made of it", async () => {
  await api.StopInstances({ InstanceIds: [first] });
  const i = await z.settled(first);
  assert.deepEqual([i.InstanceState, i.LatestOperationState], ["STOPPED", "SUCCESS"]);
  const { ImageId } = await api.CreateImage({ InstanceId: first, ImageName: "made" });
  await z.settled(first);
  assert.equal((await z.image(ImageId)).ImageState, "NORMAL", JSON.stringify(await z.get(first)));
  made = ImageId;
});

test("another one of that image has an identity and settings of its own", async () => {
  const key = await z.keyPair("second");
  const second = await z.run(made, { UserData: UserData(words[1]), HostName: "second-2", LoginSettings: { KeyIds: [key.KeyId] } });
  assert.equal((await z.settled(second)).InstanceState, "RUNNING");
  const other = await z.speaks(second, words[1]);
  assert.equal(other.host, "second-2");
  assert.equal(other.address, "10.66.0.3/20");
  assert.ok(other.keys.includes(key.PublicKey.split(" ")[1]), other.keys);
  assert.notEqual(other.machine, said.machine);
  assert.notEqual(other.hostkey, said.hostkey);
  assert.equal(other.mark, `of ${words[0]}`, "the disk is that of the first");
  assert.equal(other.metadata, second);
  await z.terminate(second);
});

test("a reset gives the first a clean disk of the other image, and new settings", async () => {
  const before = await z.get(first), key = await z.keyPair("third");
  await api.ResetInstance({ InstanceId: first, ImageId: base, HostName: "third-3", LoginSettings: { KeyIds: [key.KeyId] },
    UserData: UserData(words[2]) });
  const i = await z.settled(first);
  assert.deepEqual([i.InstanceState, i.ImageId, i.Uuid], ["RUNNING", base, before.Uuid]);
  const anew = await z.speaks(first, words[2]);
  assert.equal(anew.host, "third-3");
  assert.equal(anew.address, "10.66.0.2/20");
  assert.ok(anew.keys.includes(key.PublicKey.split(" ")[1]));
  assert.equal(anew.mark, "");
  await z.terminate(first);
  assert.deepEqual(z.instances(), []);
  await api.DeleteImages({ ImageIds: [base, made] });
});
