// Paired tests, one after the other: each takes a process of its own on the server.
for (const place of document.querySelectorAll('[data-test]')) {
  const response = await fetch(place.dataset.test).catch(() => null);
  if (response?.ok) place.innerHTML = await response.text();
  else place.textContent = 'The test could not be done.';
}
