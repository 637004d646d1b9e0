// Passkeys and security keys. Each form with data-ceremony fetches a challenge, has the browser answer it, and sends the
// answer as an ordinary form. Without this script, or where the browser knows no passkeys, the forms stay hidden.
(() => {
  "use strict";
  const forms = document.querySelectorAll("form[data-ceremony]");
  if (!forms.length || !window.PublicKeyCredential || !navigator.credentials) return;

  const toBytes = (s) => Uint8Array.from(atob(s.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const toText = (b) => btoa(String.fromCharCode(...new Uint8Array(b))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const described = (list) => (list || []).map((c) => ({ ...c, id: toBytes(c.id) }));

  const creation = (o) => PublicKeyCredential.parseCreationOptionsFromJSON ? PublicKeyCredential.parseCreationOptionsFromJSON(o) : {
    ...o, challenge: toBytes(o.challenge), user: { ...o.user, id: toBytes(o.user.id) }, excludeCredentials: described(o.excludeCredentials),
  };
  const request = (o) => PublicKeyCredential.parseRequestOptionsFromJSON ? PublicKeyCredential.parseRequestOptionsFromJSON(o) : {
    ...o, challenge: toBytes(o.challenge), allowCredentials: described(o.allowCredentials),
  };
  const answer = (c) => {
    if (c.toJSON) return c.toJSON();
    const response = { clientDataJSON: toText(c.response.clientDataJSON) };
    for (const name of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
      if (c.response[name]) response[name] = toText(c.response[name]);
    }
    return { id: c.id, rawId: toText(c.rawId), type: c.type, response, clientExtensionResults: c.getClientExtensionResults() };
  };

  // beside takes along what another form of the page holds in the fields that this one names; false where one of them is
  // not filled in.
  const beside = (form) => (form.dataset.beside || "").split(" ").filter(Boolean).every((name) => {
    const field = document.getElementById(name);
    form.elements.namedItem(name).value = field.type === "checkbox" && !field.checked ? "" : field.value;
    return field.reportValidity();
  });

  let autofill = null; // the controller of the ceremony that waits for the autofill of a field

  // challenge asks the server; what it answers instead of a challenge is thrown.
  const challenge = async (form, kind) => {
    const value = (name) => (form.elements.namedItem(name) || {}).value || "";
    const reply = await fetch(form.dataset.options, {
      method: "POST", credentials: "same-origin", headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ i: value("i"), csrf: value("csrf"), purpose: kind || form.dataset.ceremony, token: value("token") || undefined }),
    });
    const body = await reply.json();
    if (!reply.ok) throw Object.assign(new Error(body.code), { code: body.code, address: body.location });
    return body;
  };

  const send = (form, ceremony, credential) => {
    form.elements.namedItem("ceremony").value = ceremony;
    form.elements.namedItem("credential").value = JSON.stringify(answer(credential));
    HTMLFormElement.prototype.submit.call(form);
  };

  const say = (form, name) => {
    const problem = form.querySelector(".problem");
    problem.textContent = name ? form.dataset[name] : "";
    problem.hidden = !name;
  };

  const explain = (form, error) => {
    if (error.address) return location.assign(error.address);
    if (["form_expired", "interaction_expired", "browser_mismatch", "link_expired"].includes(error.code)) return location.reload();
    if (error.name === "NotAllowedError" || error.name === "AbortError") return say(form, "cancelled");
    if (error.name === "InvalidStateError" && form.dataset.registered) return say(form, "registered");
    say(form, "failed");
  };

  const press = async (form, button) => {
    if (!beside(form)) return;
    if (autofill) autofill.abort();
    say(form, "");
    button.disabled = true;
    try {
      const kind = button.dataset.purpose;
      const c = await challenge(form, kind);
      const make = form.dataset.ceremony === "register";
      const credential = make ? await navigator.credentials.create({ publicKey: creation(c.publicKey) })
        : await navigator.credentials.get({ publicKey: request(c.publicKey) });
      send(form, c.ceremony, credential);
    } catch (error) {
      explain(form, error);
      button.disabled = false;
      button.focus(); // which a disabled button loses
      if (form.dataset.suggest) offer(form);
    }
  };

  // offer lets the browser show passkeys among the suggestions of a field. A challenge is good for five minutes, so it is
  // renewed before.
  const offer = async (form) => {
    if (!PublicKeyCredential.isConditionalMediationAvailable || !(await PublicKeyCredential.isConditionalMediationAvailable())) return;
    if (autofill) autofill.abort();
    const mine = autofill = new AbortController();
    const renewal = setTimeout(() => offer(form), 4 * 60 * 1000);
    try {
      const c = await challenge(form);
      const credential = await navigator.credentials.get({ publicKey: request(c.publicKey), mediation: "conditional", signal: mine.signal });
      clearTimeout(renewal);
      send(form, c.ceremony, credential);
    } catch {
      if (!mine.signal.aborted) clearTimeout(renewal); // suggestions are a convenience; the button says what is wrong
    }
  };

  // tell has the browser forget passkeys that the server does not know.
  const tell = (form) => {
    try {
      if (form.dataset.unknown && PublicKeyCredential.signalUnknownCredential) {
        PublicKeyCredential.signalUnknownCredential({ rpId: form.dataset.party, credentialId: form.dataset.unknown }).catch(() => {});
      }
      if (form.dataset.accepted && PublicKeyCredential.signalAllAcceptedCredentials) {
        PublicKeyCredential.signalAllAcceptedCredentials(JSON.parse(form.dataset.accepted)).catch(() => {});
      }
    } catch { /* a courtesy */ }
  };

  for (const form of forms) {
    form.hidden = false;
    form.querySelector("[autofocus]")?.focus(); // while hidden it could not take the focus
    for (const button of form.querySelectorAll("button[type=button]")) button.addEventListener("click", () => press(form, button));
    form.addEventListener("submit", (event) => { // Enter in the field for a name
      event.preventDefault();
      press(form, form.querySelector("button[type=button]"));
    });
    tell(form);
    if (form.dataset.suggest) offer(form);
  }
})();
