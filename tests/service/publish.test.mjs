// SPDX-License-Identifier: GPL-2.0-or-later
// The permission to import, the way of an image to everybody, and prices: actions of our own.
import assert from "node:assert/strict";
import { test } from "node:test";
import { refused, startDaemon } from "./lib.mjs";

const d = await startDaemon({ regions: "ap-guangzhou na-ashburn" });
const operator = d.account("operator", "--operator", "--language", "en");
const seller = d.account("seller", "--language", "en");
const buyer = d.account("buyer", "--language", "en");
const image = (owner, name, more = {}) => d.seed({ owner: owner.uin, name, ...more })[0];
const see = async (account, id, options) =>
  (await d.client(account, options).DescribeImages({ ImageIds: [id] })).ImageSet[0];
const price = async (account, id, options) =>
  (await d.own(account, "InquiryPriceImages", { ImageIds: [id] }, options)).PriceSet[0].Price;

test("an account asks for the permission to import, the operator answers", async () => {
  const state = async (who, of) => (await d.own(who, "DescribeAccounts")).AccountSet
    .find((a) => a.AccountId === of.uin)?.ImportPermission;
  assert.equal(await state(seller, seller), "none");
  await d.own(seller, "ApplyImportPermission", { Reason: "moving a fleet" });
  assert.equal(await state(operator, seller), "asked");
  await refused(d.own(seller, "ApplyImportPermission"), "ResourceInUse");
  await refused(d.own(seller, "AnswerImportPermission", { AccountId: seller.uin, Permission: "GRANT" }),
    "UnauthorizedOperation");
  await refused(d.own(operator, "AnswerImportPermission", { AccountId: "100999999999", Permission: "GRANT" }),
    "InvalidAccountId.NotFound");
  await d.own(operator, "AnswerImportPermission", { AccountId: seller.uin, Permission: "REFUSE", Reason: "no" });
  assert.equal(await state(seller, seller), "refused");
  await d.own(seller, "ApplyImportPermission");
  await d.own(operator, "AnswerImportPermission", { AccountId: seller.uin, Permission: "GRANT" });
  assert.equal(await state(seller, seller), "granted");
  assert.equal(await state(buyer, seller), undefined, "an account sees another's");
});

test("a seller's image goes to the market when the operator publishes it", async () => {
  const id = image(seller, "appliance");
  await refused(d.own(operator, "ReviewImage", { ImageId: id, Accept: true }), "InvalidImageId.IncorrectState");
  await refused(d.own(buyer, "SubmitImage", { ImageId: id, Target: "MARKET" }), "InvalidImageId.NotFound");
  await refused(d.own(seller, "SubmitImage", { ImageId: id, Target: "PUBLIC" }), "UnauthorizedOperation");
  await d.own(seller, "SubmitImage", { ImageId: id, Target: "MARKET", Price: 12500 });
  await refused(d.own(seller, "SubmitImage", { ImageId: id, Target: "MARKET" }), "InvalidImageId.IncorrectState");
  await refused(d.own(seller, "ReviewImage", { ImageId: id, Accept: true }), "UnauthorizedOperation");
  await refused(d.own(operator, "PublishImage", { ImageId: id }), "InvalidImageId.IncorrectState");
  await d.own(operator, "ReviewImage", { ImageId: id, Accept: true });
  assert.equal(await see(buyer, id), undefined, "seen before it was published");
  await d.own(operator, "PublishImage", { ImageId: id });
  const seen = await see(buyer, id);
  assert.notEqual(seen.ImageType, "PRIVATE_IMAGE");
  assert.equal(await price(buyer, id), 12500);
  const copy = image(buyer, "made from it", { source_image: id });
  assert.equal(await price(buyer, copy), 12500, "a custom image inherits the price of its source");
  await refused(d.client(seller).DeleteImages({ ImageIds: [id] }), "InvalidParameterValue.InvalidImageId");
  await refused(d.own(buyer, "WithdrawImage", { ImageId: id }), "InvalidImageId.NotFound");
  await d.own(seller, "WithdrawImage", { ImageId: id });
  assert.equal(await see(buyer, id), undefined);
  await d.client(seller).DeleteImages({ ImageIds: [id] });
});

test("a refused image can be submitted again", async () => {
  const id = image(seller, "twice");
  await d.own(seller, "SubmitImage", { ImageId: id, Target: "MARKET" });
  await d.own(operator, "ReviewImage", { ImageId: id, Accept: false, Reason: "does not boot" });
  await refused(d.own(operator, "PublishImage", { ImageId: id }), "InvalidImageId.IncorrectState");
  await d.own(seller, "SubmitImage", { ImageId: id, Target: "MARKET" });
});

test("what is shared, busy or not an image cannot be submitted", async () => {
  const id = image(seller, "shared");
  await d.client(seller).ModifyImageSharePermission({ ImageId: id, AccountIds: [buyer.uin], Permission: "SHARE" });
  await refused(d.own(seller, "SubmitImage", { ImageId: id, Target: "MARKET" }), "InvalidImageId.InShared");
  const busy = image(seller, "busy", { state: "IMPORTING" });
  await refused(d.own(seller, "SubmitImage", { ImageId: busy, Target: "MARKET" }), "InvalidImageId.IncorrectState");
  await refused(d.own(seller, "SubmitImage", { ImageId: "x", Target: "MARKET" }), "InvalidImageId.Malformed");
  await refused(d.own(seller, "SubmitImage", { ImageId: id, Target: "MARKET", Price: -1 }), "InvalidParameterValue");
});

test("public images are free, but Windows in North America", async () => {
  const publish = async (region, more) => {
    const id = image(operator, `public ${region} ${more.os_type}`, { region, ...more });
    await d.own(operator, "SubmitImage", { ImageId: id, Target: "PUBLIC", Price: 700 }, { region });
    await d.own(operator, "ReviewImage", { ImageId: id, Accept: true }, { region });
    await d.own(operator, "PublishImage", { ImageId: id }, { region });
    assert.equal((await see(buyer, id, { region })).ImageType, "PUBLIC_IMAGE");
    return price(buyer, id, { region });
  };
  const windows = { os_type: "Windows Server 2016", platform: "Windows" };
  assert.equal(await publish("ap-guangzhou", windows), 0);
  assert.equal(await publish("na-ashburn", { os_type: "Debian" }), 0);
  assert.equal(await publish("na-ashburn", windows), 700);
});

test("the actions are of our version only", () =>
  refused(d.own(seller, "DescribeAccounts", {}, { version: "2017-03-12" }), "InvalidAction"));
