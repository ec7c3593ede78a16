// A browser without a window, driven by playwright-core: it does what it is told, one JSON object a line on standard
// input, and answers each with one line. What is right about the answers is for the tests to say.
//
//   node browser.js <program>
//       {"do": "open", "url"}                     goes to a page
//       {"do": "size", "width", "height"}         of the page, in pixels
//       {"do": "click"|"dblclick", "at"}          at what a playwright selector names
//       {"do": "fill", "at", "text"}              writes into a field
//       {"do": "press", "key"}
//       {"do": "wheel", "at", "by"}               turns the wheel over the middle of what is named
//       {"do": "drag", "at", "by": [x, y]}        with the first button, from its middle
//       {"do": "wait", "until"}                   until an expression of the page is true; "seconds"; its value
//       {"do": "answered", "part"}                until a URL with this part was answered since the last "heard"
//       {"do": "ask", "what"}                     the value of an expression of the page
//       {"do": "picture", "path"}                 the page as a PNG file
//       {"do": "heard"}                           what happened since the last such question:
//                                                 {"answers": [[method, url, status]], "failures", "errors"}
'use strict';

const readline = require('node:readline');

const { chromium } = require('playwright-core');

const SECONDS = 1000;
const ARGUMENTS = [
  '--no-sandbox', '--use-gl=angle', '--use-angle=swiftshader', '--enable-unsafe-swiftshader', '--ignore-gpu-blocklist',
];

let heard = { answers: [], failures: [], errors: [] };

function listen(page) {
  page.on('response', (response) => {
    const request = response.request();
    heard.answers.push([request.method(), response.url(), response.status()]);
  });
  page.on('requestfailed', (request) => {
    heard.failures.push([request.method(), request.url(), request.failure()?.errorText]);
  });
  page.on('console', (message) => {
    if (message.type() === 'error') {
      heard.errors.push(message.text());
    }
  });
  page.on('pageerror', (error) => heard.errors.push(String(error)));
}

async function middle(page, at) {
  const box = await page.locator(at).first().boundingBox();
  return [box.x + box.width / 2, box.y + box.height / 2];
}

const verbs = {
  open: (page, task) => page.goto(task.url, { waitUntil: 'domcontentloaded' }),
  size: (page, task) => page.setViewportSize({ width: task.width, height: task.height }),
  click: (page, task) => page.locator(task.at).first().click(),
  dblclick: (page, task) => page.locator(task.at).first().dblclick(),
  fill: (page, task) => page.locator(task.at).first().fill(task.text),
  press: (page, task) => page.keyboard.press(task.key),
  wheel: async (page, task) => {
    await page.mouse.move(...await middle(page, task.at));
    await page.mouse.wheel(0, task.by);
  },
  drag: async (page, task) => {
    const [x, y] = await middle(page, task.at);
    await page.mouse.move(x, y);
    await page.mouse.down();
    await page.mouse.move(x + task.by[0] / 2, y + task.by[1] / 2);
    await page.mouse.move(x + task.by[0], y + task.by[1]);
    await page.mouse.up();
  },
  wait: async (page, task) => {
    const found = await page.waitForFunction(task.until, undefined, { timeout: task.seconds * SECONDS, polling: 50 });
    return found.jsonValue();
  },
  answered: async (page, task) => {
    const meant = (url) => url.includes(task.part);
    if (!heard.answers.some(([, url]) => meant(url))) {
      await page.waitForResponse((response) => meant(response.url()));
    }
  },
  ask: (page, task) => page.evaluate(task.what),
  picture: async (page, task) => {
    await page.screenshot({ path: task.path });
  },
  heard: async () => {
    const told = heard;
    heard = { answers: [], failures: [], errors: [] };
    return told;
  },
};

async function main(program) {
  const browser = await chromium.launch({ executablePath: program, args: ARGUMENTS });
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, serviceWorkers: 'block' });
  const page = await context.newPage();
  page.setDefaultTimeout(30 * SECONDS);
  listen(page);
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const task = JSON.parse(line);
    let answer;
    try {
      const value = await verbs[task.do](page, task);
      answer = { value: ['ask', 'wait', 'heard'].includes(task.do) ? value : undefined };
    } catch (error) {
      answer = { error: String(error) };
    }
    process.stdout.write(JSON.stringify(answer) + '\n');
  }
  await browser.close();
}

main(process.argv[2]);
