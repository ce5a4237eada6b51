// Pictures, videos and the webcam, sent one frame at a time to the server, which scores them.

const framesOfVideo = 8;
/** Longer side of a frame that is sent. */
const largest = 1280;

const element = (id) => document.getElementById(id);
const [model, part, files, drop] = ['model', 'part', 'files', 'drop'].map(element);
const [answers, message, webcam, camera, video, now] = ['answers', 'message', 'webcam', 'camera', 'video', 'now'].map(
  element,
);

async function ask(path, options) {
  const response = await fetch(path, options);
  const answer = await response.json().catch(() => ({ error: `the server answers ${response.status}` }));
  if (!response.ok) throw new Error([answer.error, answer.hint].filter(Boolean).join('; '));
  return answer;
}

function score(picture) {
  const query = new URLSearchParams({ model: model.value, part: part.value });
  return ask(`/try?${query}`, { method: 'POST', body: picture });
}

const node = (tag, text = '', name = '') =>
  Object.assign(document.createElement(tag), { textContent: text, className: name });

/** Verdict, threshold and pictures of an answer. */
function show(place, title, answer, frames = 1) {
  const parts = [node('h3', title)];
  if (answer.score === null) {
    parts.push(node('p', 'No face is found.', 'verdict'));
    place.replaceChildren(...parts);
    return;
  }
  const { decision, threshold, ms, faces, model: source } = answer;
  parts.push(node('p', `${decision}, score ${answer.score.toFixed(4)}`, `verdict ${decision}`));
  const of = [
    frames === 1 ? '' : `mean of ${frames} frames`,
    `live from ${Number(threshold.value.toPrecision(4))} on (${threshold.name})`,
    `${ms.toFixed(0)} ms a frame`,
    source.foreign ?? source.checkpoint ?? '',
  ];
  parts.push(node('p', of.filter(Boolean).join(' · '), 'muted'));
  if (source.synthetic) {
    parts.push(
      node(
        'p',
        'SYNTHETIC: this network was trained on drawn faces; its decisions on real ones mean nothing.',
        'banner',
      ),
    );
  }
  const row = node('div', '', 'faces');
  for (const { name, src } of faces) {
    const figure = node('figure');
    figure.append(Object.assign(new Image(), { src, alt: name }), node('figcaption', name));
    row.append(figure);
  }
  place.replaceChildren(...parts, row);
}

/** A frame of a video element as a file without loss: compression would touch the traces that the network looks for. */
function frameOf(player) {
  const shrink = Math.min(1, largest / Math.max(player.videoWidth, player.videoHeight));
  const canvas = document.createElement('canvas');
  canvas.width = Math.round(player.videoWidth * shrink);
  canvas.height = Math.round(player.videoHeight * shrink);
  canvas.getContext('2d').drawImage(player, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, 'image/png'));
}

const once = (target, name) =>
  new Promise((resolve, reject) => {
    target.addEventListener(name, resolve, { once: true });
    target.addEventListener('error', () => reject(new Error('this browser cannot decode it; ldc predict may')), {
      once: true,
    });
  });

async function* framesOf(file) {
  const player = Object.assign(document.createElement('video'), { muted: true, preload: 'auto' });
  player.src = URL.createObjectURL(file);
  try {
    await once(player, 'loadeddata');
    if (!Number.isFinite(player.duration))
      throw new Error('this video does not say how long it is; ldc predict reads it');
    for (let i = 0; i < framesOfVideo; i++) {
      player.currentTime = ((i + 0.5) * player.duration) / framesOfVideo;
      await once(player, 'seeked');
      yield frameOf(player);
    }
  } finally {
    URL.revokeObjectURL(player.src);
  }
}

async function tryVideo(file) {
  const scored = [];
  for await (const frame of framesOf(file)) {
    const answer = await score(frame);
    if (answer.score !== null) scored.push(answer);
  }
  if (scored.length === 0) return { answer: { score: null }, frames: 0 };
  const query = new URLSearchParams({ model: model.value, scores: scored.map((each) => each.score).join() });
  const whole = await ask(`/try/video?${query}`);
  const ms = scored.reduce((sum, each) => sum + each.ms, 0) / scored.length;
  return { answer: { ...scored[Math.floor(scored.length / 2)], ...whole, ms }, frames: scored.length };
}

async function tryFiles(list) {
  message.textContent = '';
  for (const file of list) {
    const place = node('li', '', 'answer');
    place.append(node('h3', file.name), node('p', 'is being scored …', 'muted'));
    answers.prepend(place);
    try {
      const { answer, frames } = file.type.startsWith('video/')
        ? await tryVideo(file)
        : { answer: await score(file), frames: 1 };
      show(place, file.name, answer, frames);
    } catch (error) {
      place.replaceChildren(node('h3', file.name), node('p', error.message, 'error'));
    }
  }
}

files.addEventListener('change', () => tryFiles([...files.files]));
drop.addEventListener('dragover', (event) => {
  event.preventDefault();
  drop.classList.add('over');
});
drop.addEventListener('dragleave', () => drop.classList.remove('over'));
drop.addEventListener('drop', (event) => {
  event.preventDefault();
  drop.classList.remove('over');
  tryFiles([...event.dataTransfer.files]);
});

let stream = null;

webcam.addEventListener('click', async () => {
  if (stream !== null) return stopWebcam();
  message.textContent = '';
  if (navigator.mediaDevices === undefined) {
    message.textContent = 'Browsers give the webcam to pages of this machine (127.0.0.1, localhost) or of https alone.';
    return;
  }
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 640 } } });
  } catch (error) {
    message.textContent = `The webcam cannot be used: ${error.message}`;
    return;
  }
  webcam.setAttribute('aria-pressed', 'true');
  webcam.textContent = 'Stop the webcam';
  camera.hidden = false;
  video.srcObject = stream;
  await video.play();
  // The next frame is taken when the answer is there: no queue grows.
  while (stream !== null) {
    try {
      const answer = await score(await frameOf(video));
      if (stream !== null) show(now, 'Webcam', answer);
    } catch (error) {
      message.textContent = error.message;
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  }
});

function stopWebcam() {
  for (const track of stream.getTracks()) track.stop();
  stream = null;
  webcam.setAttribute('aria-pressed', 'false');
  webcam.textContent = 'Use the webcam';
  camera.hidden = true;
}
