/** The page Try: pictures, a video or the webcam, scored by a model that is chosen. client/try.js does the asking. */
import { escapeHtml } from '../report/escape.js';
import { renderServed } from './page.js';
import type { TriedModel } from './tries.js';

export function tryPage(models: readonly TriedModel[]): string {
  if (models.length === 0) {
    const body =
      '<p>There is no model yet: a run with a checkpoint, or an ONNX model named with <code>ldc serve --model FILE</code>.</p>';
    return renderServed({ title: 'Try', place: '/try', body, scripts: [] });
  }
  const options = models.map(({ id }) => `<option value="${escapeHtml(id)}">${escapeHtml(id)}</option>`);
  const body = `<div class="actions">
<label>Model <select id="model">${options.join('')}</select></label>
<label>Part of the picture <select id="part">
<option value="square">the square in its middle</option>
<option value="whole">all of it, as ldc predict</option>
<option value="face">the face that the detector finds</option>
</select></label>
<button id="webcam" type="button" aria-pressed="false">Use the webcam</button>
</div>
<div class="drop" id="drop"><label for="files">Pictures or videos of a face, dropped here or chosen:</label>
<p><input id="files" type="file" accept="image/*,video/*" multiple></p>
<p class="note">They are scored in memory and never written. Of a video, 8 frames that this browser decodes are scored; its score is their mean.</p></div>
<p id="message" class="error" role="status"></p>
<section id="camera" class="cam" hidden aria-label="Webcam"><video id="video" muted playsinline></video><div id="now"></div></section>
<ol id="answers" class="answers" aria-live="polite" aria-label="Answers"></ol>`;
  return renderServed({ title: 'Try', place: '/try', body, scripts: ['try'] });
}
