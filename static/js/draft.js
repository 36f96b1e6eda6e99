// Keeps what was typed, per conversation, until the server has accepted it.
const PREFIX = "steward.draft.";
const SENT = "steward.sent";

export const quietly = (task) => {
  try {
    return task();
  } catch {
    return null; // storage may be full or forbidden: writing still works, only the draft is not kept
  }
};

export const read = (key) => quietly(() => localStorage.getItem(PREFIX + key)) ?? "";

export function keep(key, text) {
  quietly(() => (text.trim() ? localStorage.setItem(PREFIX + key, text) : localStorage.removeItem(PREFIX + key)));
}

export const drop = (key) => quietly(() => localStorage.removeItem(PREFIX + key));

/** A new chat leads to another page: the draft may go only when the page of the new conversation has arrived. */
export const markSent = (key) => quietly(() => sessionStorage.setItem(SENT, key));

/** True when a draft was sent and this page is what became of it. */
export function settleSent(isAccepted) {
  const key = quietly(() => sessionStorage.getItem(SENT));
  quietly(() => sessionStorage.removeItem(SENT));
  if (key && isAccepted) drop(key);
  return Boolean(key && isAccepted);
}
