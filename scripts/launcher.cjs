#!/usr/bin/env node
/**
 * Starts the program: what dist/platter.cjs is. It runs core.cjs and the parts that core.cjs asks for, as `require`
 * would, but hands the engine the code it compiled when the program was built, which halves what a small command
 * costs beyond node's own start. Compiled code that another version of node made is refused by the engine, and then
 * the source is compiled: nothing is lost but time.
 */
'use strict';
const { existsSync, readFileSync, writeFileSync } = require('node:fs');
const Module = require('node:module');
const { join } = require('node:path');
const { Script } = require('node:vm');

const parts = new Map();
const scripts = new Map();

/** A part of the program by its file name, run when it is first asked for. */
function load(name) {
  const known = parts.get(name);
  if (known) return known.exports;
  const filename = join(__dirname, name);
  const part = new Module(filename, module);
  parts.set(name, part);
  const source = readFileSync(filename, 'utf8');
  const script = new Script(`(function (exports, require, module, __filename, __dirname) {${source}\n})`, {
    filename,
    cachedData: compiled(`${filename}.compiled`),
  });
  scripts.set(`${name}.compiled`, script);
  script.runInThisContext()(part.exports, requirePart, part, filename, __dirname);
  return part.exports;
}

function requirePart(id) {
  return id.startsWith('./') ? load(id.slice(2)) : require(id);
}

function compiled(path) {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

/** At build time, after a run: then the functions that commands call are among what is kept. */
function keepCompiled(folder) {
  for (const [name, script] of scripts) {
    const path = join(folder, name);
    if (!existsSync(path)) writeFileSync(path, script.createCachedData());
  }
}

const folder = process.env.PLATTER_KEEP_COMPILED;
if (folder) process.once('exit', () => keepCompiled(folder));
load('core.cjs');
