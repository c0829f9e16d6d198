// SPDX-License-Identifier: MIT
// What a well-formed GenerateContentRequest must still obey: contents, parts, generation
// config, tools, schemas, safety settings, per model. Simple faults are gathered into one
// message of "* GenerateContentRequest.path: text" lines, as Google does; the others end the
// check at once.

import { Failure, invalid } from './errors.mjs';
import { checkSignatures, checkTurns, joinTurns } from './turns.mjs';

const DATA = [
  'text',
  'inlineData',
  'functionCall',
  'functionResponse',
  'fileData',
  'executableCode',
  'codeExecutionResult',
  'toolCall',
  'toolResponse',
];

function refuse(message) {
  throw new Failure(invalid(message));
}

class Faults {
  constructor(root) {
    this.root = root;
    this.lines = [];
  }

  add(path, text) {
    this.lines.push(`* ${this.root}.${path}: ${text}`);
  }

  raise() {
    if (this.lines.length > 0) refuse(this.lines.join('\n'));
  }
}

/** Checks a normalised request against `model`; throws the Failure Google would answer with. */
export function checkGenerate(request, model, config, root = 'GenerateContentRequest') {
  const faults = new Faults(root);
  checkContents(request, faults);
  checkTools(request, model, faults);
  checkGeneration(request.generationConfig || {}, model, faults);
  checkSafety(request.safetySettings || [], faults);
  faults.raise();
  checkAbilities(request, model);
  for (const content of request.contents) for (const part of content.parts) checkMedia(part, config);
  if (root.startsWith('CountTokens')) return;
  const turns = joinTurns(request.contents);
  checkTurns(turns, model);
  checkSignatures(turns, model, config);
}

function checkContents(request, faults) {
  const contents = request.contents || [];
  if (contents.length === 0) faults.add('contents', 'contents is not specified');
  contents.forEach((content, i) => checkContent(content, `contents[${i}]`, faults));
  if (request.systemInstruction) checkContent(request.systemInstruction, 'system_instruction', faults);
}

export function checkContent(content, path, faults) {
  content.parts = content.parts || [];
  if (content.parts.length === 0) faults.add(path + '.parts', 'contents.parts must not be empty.');
  content.parts.forEach((part, i) => checkPart(part, `${path}.parts[${i}]`, faults));
  const blank = (p) => p.text === '' && !p.thoughtSignature;
  if (content.role !== 'model' && content.parts.length > 0 && content.parts.every(blank))
    faults.add(path + '.parts[0].data', "required oneof field 'data' must have one initialized field");
}

function checkPart(part, path, faults) {
  if (!DATA.some((name) => part[name] !== undefined))
    faults.add(path + '.data', "required oneof field 'data' must have one initialized field");
  if (part.functionCall && !part.functionCall.name)
    faults.add(path + '.function_call.name', 'Name cannot be empty.');
  if (part.functionResponse)
    checkFunctionResponse(part.functionResponse, path + '.function_response', faults);
  if (part.inlineData && !part.inlineData.mimeType)
    faults.add(path + '.inline_data.mime_type', 'mime_type must not be empty.');
  if (part.inlineData && !part.inlineData.data)
    faults.add(path + '.inline_data.data', 'data must not be empty.');
  if (part.fileData && !part.fileData.fileUri)
    faults.add(path + '.file_data.file_uri', 'file_uri must not be empty.');
}

function checkFunctionResponse(response, path, faults) {
  if (!response.name) faults.add(path + '.name', 'Name cannot be empty.');
  if (response.response === undefined) faults.add(path + '.response', 'response must be set.');
  if (mentions(response.response, ['$ref', '$defs']))
    refuse(
      'Unsupported keys in function response: `$ref` and `$defs` may only refer to parts of the response.',
    );
}

function mentions(value, names, depth = 0) {
  if (value === null || typeof value !== 'object' || depth > 100) return false;
  return Object.entries(value).some(
    ([key, inner]) => (!Array.isArray(value) && names.includes(key)) || mentions(inner, names, depth + 1),
  );
}

/* ---- tools ---- */

const BUILT_IN = [
  'googleSearch',
  'googleSearchRetrieval',
  'codeExecution',
  'urlContext',
  'fileSearch',
  'googleMaps',
  'computerUse',
];

function checkTools(request, model, faults) {
  const tools = request.tools || [];
  const seen = new Set();
  tools.forEach((tool, i) => {
    if (Object.keys(tool).length === 0)
      faults.add(`tools[${i}].tool_type`, "required one_of 'tool_type' must have one initialized field");
    (tool.functionDeclarations || []).forEach((declaration, j) =>
      checkDeclaration(declaration, `tools[${i}].function_declarations[${j}]`, seen, model, faults),
    );
  });
  checkCalling(request, seen, faults);
}

function checkDeclaration(declaration, path, seen, model, faults) {
  const { name, parameters } = declaration;
  if (!name || !/^[A-Za-z_][A-Za-z0-9_.:-]*$/.test(name) || name.length > model.can.nameLength)
    faults.add(
      path + '.name',
      '[FIELD_INVALID] Invalid function name. Must start with a letter or an underscore. '
        + 'Must be alphanumeric (a-z, A-Z, 0-9), underscores (_), dots (.), colons (:), '
        + `or dashes (-), with a maximum length of ${model.can.nameLength}.`,
    );
  if (seen.has(name)) refuse(`Duplicate function declaration found: ${name}`);
  seen.add(name);
  if (parameters && declaration.parametersJsonSchema !== undefined)
    refuse(`Only one of parameters and parameters_json_schema may be set for function ${name}.`);
  if (!parameters) return;
  if (parameters.type !== 'OBJECT') faults.add(path + '.parameters', 'schema should be of type OBJECT');
  if (model.can.family < 3 && Object.keys(parameters.properties || {}).length === 0)
    faults.add(path + '.parameters.properties', 'should be non-empty for OBJECT type');
  checkSchema(parameters, path + '.parameters', faults);
}

function checkCalling(request, declared, faults) {
  const calling = request.toolConfig && request.toolConfig.functionCallingConfig;
  if (!calling) return;
  const names = calling.allowedFunctionNames || [];
  const forced = calling.mode === 'ANY' || calling.mode === 'VALIDATED';
  const path = 'tool_config.function_calling_config.allowed_function_names';
  if (forced && declared.size === 0) refuse('Function calling config is set without function_declarations.');
  if (names.length > 0 && !forced)
    faults.add(path, 'Allowed function names should only be set when the mode is ANY or VALIDATED.');
  for (const name of names)
    if (!declared.has(name)) faults.add(path, `Function name ${name} is not declared.`);
}

/** The extra rules of Schema (not of the JSON Schema fields, which take anything). */
function checkSchema(schema, path, faults, depth = 0) {
  if (depth > 64) refuse('A schema in the request exceeds the maximum allowed nesting depth.');
  const { type, properties = {}, required = [] } = schema;
  if (type === 'ARRAY' && !schema.items) faults.add(path + '.items', 'missing field.');
  if (schema.enum && type !== 'STRING') faults.add(path + '.enum', 'only allowed for STRING type');
  (schema.enum || []).forEach((value, i) => {
    if (value === '') faults.add(`${path}.enum[${i}]`, 'cannot be empty');
  });
  if (type === 'STRING' && schema.format && !['enum', 'date-time'].includes(schema.format))
    faults.add(path + '.format', "only 'enum' and 'date-time' are supported for STRING type");
  if (Object.keys(properties).length > 0 && type !== 'OBJECT')
    faults.add(path + '.properties', 'only allowed for OBJECT type');
  required.forEach((name, i) => {
    if (!Object.hasOwn(properties, name)) faults.add(`${path}.required[${i}]`, 'property is not defined');
  });
  checkSubschemas(schema, properties, path, faults, depth);
}

function checkSubschemas(schema, properties, path, faults, depth) {
  for (const name of Object.keys(properties))
    checkSchema(properties[name], `${path}.properties[${name}]`, faults, depth + 1);
  if (schema.items) checkSchema(schema.items, path + '.items', faults, depth + 1);
  (schema.anyOf || []).forEach((inner, i) => checkSchema(inner, `${path}.any_of[${i}]`, faults, depth + 1));
}

/* ---- generation config ---- */

const MIMES = ['', 'text/plain', 'application/json', 'application/xml', 'application/yaml', 'text/x.enum'];

function checkGeneration(config, model, faults) {
  const path = 'generation_config.';
  const range = (name, field, low, high, open) => {
    const value = config[name];
    if (value !== undefined && (value < low || (open ? value >= high : value > high)))
      faults.add(path + field, `${field} must be in the range [${low}, ${high}${open ? ')' : ']'}.`);
  };
  range('temperature', 'temperature', 0, 2);
  range('topP', 'top_p', 0, 1);
  range('topK', 'top_k', 1, 1000);
  range('candidateCount', 'candidate_count', 1, 8);
  range(
    'maxOutputTokens',
    'max_output_tokens',
    1,
    model.can.strictOutput ? model.shown.outputTokenLimit : 2 ** 31,
  );
  range('presencePenalty', 'presence_penalty', -2, 2, true);
  range('frequencyPenalty', 'frequency_penalty', -2, 2, true);
  range('logprobs', 'logprobs', 0, 20);
  checkStops(config.stopSequences || [], path + 'stop_sequences', faults);
  checkFormat(config, path, faults);
}

function checkStops(stops, path, faults) {
  if (stops.length > 5)
    faults.add(path, `The number of stop sequences must be at most 5, but ${stops.length} were given.`);
  stops.forEach((stop, i) => {
    if (stop === '') faults.add(`${path}[${i}]`, 'stop sequence must not be empty');
  });
}

function checkFormat(config, path, faults) {
  const { responseMimeType: mime = '', responseSchema: schema } = config;
  const json = [config.responseJsonSchema, config._responseJsonSchema].filter((s) => s !== undefined);
  if (!MIMES.includes(mime))
    faults.add(
      path + 'response_mime_type',
      'allowed mimetypes are `text/plain`, `application/json`, '
        + '`application/xml`, `application/yaml` and `text/x.enum`.',
    );
  if (json.length + (schema ? 1 : 0) > 1)
    faults.add(path + 'response_schema', 'only one of response_schema and response_json_schema may be set.');
  if ((schema || json.length > 0) && mime !== 'application/json' && mime !== 'text/x.enum')
    faults.add(path + 'response_schema', 'response_mime_type must be `application/json` or `text/x.enum`.');
  if (schema) checkSchema(schema, path + 'response_schema', faults);
}

/* ---- what the model can do ---- */

function checkAbilities(request, { can, id }) {
  const config = request.generationConfig || {};
  const tools = request.tools || [];
  const functions = tools.some((t) => (t.functionDeclarations || []).length > 0);
  const builtIn = tools.some((t) => BUILT_IN.some((name) => t[name]));
  if ((config.candidateCount || 1) > can.candidates)
    refuse('Multiple candidates is not enabled for this model');
  if ((config.presencePenalty || config.frequencyPenalty) && !can.penalties)
    refuse('Penalty is not enabled for this model');
  if (config.responseLogprobs && !can.logprobs) refuse(`Logprobs is not enabled for models/${id}`);
  if (config.logprobs && !config.responseLogprobs)
    refuse('logprobs may only be set when response_logprobs is true.');
  checkThinking(config.thinkingConfig, can);
  checkModes(request, can, { json: config.responseMimeType === 'application/json', functions, builtIn });
}

function checkModes(request, can, { json, functions, builtIn }) {
  if (request.systemInstruction && !can.system) refuse('Developer instruction is not enabled for this model');
  if ((functions || builtIn) && !can.tools) refuse('Function calling is not enabled for this model');
  if (json && !can.json) refuse('JSON mode is not enabled for this model');
  if (json && functions && !can.jsonWithTools)
    refuse("Function calling with a response mime type: 'application/json' is unsupported");
  if (json && builtIn && !can.jsonWithTools)
    refuse("Tool use with a response mime type: 'application/json' is unsupported");
  const mixed = request.toolConfig && request.toolConfig.includeServerSideToolInvocations;
  if (functions && builtIn && !can.toolMix) refuse('Tool use with function calling is unsupported');
  if (functions && builtIn && !mixed)
    refuse(
      'Please set tool_config.include_server_side_tool_invocations to use built-in tools '
        + 'with function calling.',
    );
  for (const modality of (request.generationConfig || {}).responseModalities || [])
    if (!can.modalities.includes(modality))
      refuse(`This model only supports ${can.modalities.join(', ')} output.`);
}

function checkThinking(thinking, can) {
  if (!thinking) return;
  const { thinkingBudget: budget, thinkingLevel: level } = thinking;
  if (budget !== undefined && level !== undefined)
    refuse('You can only set only one of thinking budget and thinking level.');
  if (!can.thinking) refuse('Thinking is not enabled for this model');
  if (level !== undefined && !can.thinking.levels) refuse('Thinking level is not supported for this model.');
  if (level !== undefined && !can.thinking.levels.includes(level))
    refuse(
      `Thinking level ${level} is not supported for this model. Please retry with other thinking level.`,
    );
  if (budget !== undefined && budget !== -1) checkBudget(budget, can.thinking);
}

function checkBudget(budget, thinking) {
  const { min = 0, max = 32768, zero = !thinking.levels } = thinking;
  if (budget === 0 && !zero) refuse('Budget 0 is invalid. This model only works in thinking mode.');
  if (budget !== 0 && (budget < min || budget > max))
    refuse(`The thinking budget ${budget} is invalid. Please choose a value between ${min} and ${max}.`);
}

function checkSafety(settings, faults) {
  const seen = new Set();
  settings.forEach(({ category }, i) => {
    if (!category || category === 'HARM_CATEGORY_UNSPECIFIED')
      faults.add(
        `safety_settings[${i}]`,
        'element predicate failed: $.category in (HarmCategory.HARM_CATEGORY_SEXUALLY_EXPLICIT, '
          + 'HarmCategory.HARM_CATEGORY_HATE_SPEECH, HarmCategory.HARM_CATEGORY_HARASSMENT, '
          + 'HarmCategory.HARM_CATEGORY_DANGEROUS_CONTENT, HarmCategory.HARM_CATEGORY_CIVIC_INTEGRITY)',
      );
    if (seen.has(category))
      faults.add('safety_settings', 'safety_settings has duplicate categories: ' + category);
    seen.add(category);
  });
}

/* ---- media ---- */

const IMAGES = /^image\/(png|jpeg|webp|heic|heif)$/;
const OTHERS = /^(audio|video|text)\/|^application\/(pdf|json|x-javascript|x-python|rtf)$/;
const MAGIC = {
  'image/png': (b) => b.readUInt32BE(0) === 0x89504e47,
  'image/jpeg': (b) => b[0] === 0xff && b[1] === 0xd8,
  'image/webp': (b) => b.toString('latin1', 0, 4) === 'RIFF' && b.toString('latin1', 8, 12) === 'WEBP',
  'application/pdf': (b) => b.toString('latin1', 0, 5) === '%PDF-',
};

function checkMedia(part, config) {
  const blobs = part.functionResponse
    ? (part.functionResponse.parts || []).map((p) => p.inlineData)
    : [part.inlineData];
  for (const blob of blobs) if (blob) checkBlob(blob, config);
  const uri = part.fileData && part.fileData.fileUri;
  if (uri && !/^(https:\/\/|gs:\/\/)/.test(uri) && !/\/files\/[a-z0-9-]+$/.test(uri))
    refuse(`Invalid or unsupported file uri: ${uri}`);
}

function checkBlob({ mimeType, data }, config) {
  if (!IMAGES.test(mimeType) && !OTHERS.test(mimeType)) refuse(`Unsupported MIME type: ${mimeType}`);
  const test = config.check_images && MAGIC[mimeType];
  if (!test) return;
  const head = Buffer.from(data.slice(0, 32), 'base64');
  if (head.length < 12 ? !(mimeType === 'application/pdf' && head.length > 5 && test(head)) : !test(head))
    refuse(mimeType.startsWith('image/') ? 'Provided image is not valid.' : 'The document has no pages.');
}
