import { expect, look, person, test } from "./people";

test("a patient signs in with a key file and sees an empty inbox", async ({ browser }) => {
  const maria = await person(browser, "patient");
  await expect(maria.page.getByRole("heading", { name: "Inbox" })).toBeVisible();
  await expect(maria.page.getByText("All read")).toBeVisible();
  await look(maria.page, "inbox");
  maria.watch.clean();
  await maria.context.close();
});
