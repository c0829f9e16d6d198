// SPDX-License-Identifier: MIT
// The messages of the API, and a reader of their JSON as strict as Google's: both camelCase
// and snake_case names are known, everything unknown is a violation, types are checked. What
// read() returns has camelCase names only. Field lists: the public v1beta protocol buffers and
// what the current clients send.

const MESSAGES = `
GenerateContentRequest model:string systemInstruction:Content contents:Content* tools:Tool*
  toolConfig:ToolConfig safetySettings:SafetySetting* generationConfig:GenerationConfig
  cachedContent:string serviceTier:ServiceTier store:bool
CountTokensRequest model:string contents:Content* generateContentRequest:GenerateContentRequest
EmbedContentRequest model:string content:Content taskType:TaskType title:string
  outputDimensionality:int32 embedContentConfig:EmbedContentConfig
EmbedContentConfig taskType:TaskType title:string outputDimensionality:int32 autoTruncate:bool
  documentOcr:bool audioTrackExtraction:bool
BatchEmbedContentsRequest model:string requests:EmbedContentRequest*
CachedContent expireTime:Timestamp ttl:Duration name:string displayName:string model:string
  systemInstruction:Content contents:Content* tools:Tool* toolConfig:ToolConfig createTime:Timestamp
  updateTime:Timestamp usageMetadata:Value
PredictRequest model:string instances:Value* parameters:Value
CreateFileRequest file:File
File name:string displayName:string mimeType:string sizeBytes:int64 createTime:Timestamp
  updateTime:Timestamp expirationTime:Timestamp sha256Hash:bytes uri:string downloadUri:string
  state:FileState source:FileSource error:Value videoMetadata:Value
BatchGenerateContentRequest model:string batch:Batch
Batch name:string model:string displayName:string inputConfig:InputConfig priority:int64
InputConfig requests:InlinedRequests fileName:string
InlinedRequests requests:InlinedRequest*
InlinedRequest request:GenerateContentRequest metadata:Struct
AsyncBatchEmbedContentRequest model:string batch:EmbedBatch
EmbedBatch name:string model:string displayName:string inputConfig:EmbedInputConfig priority:int64
EmbedInputConfig requests:InlinedEmbedRequests fileName:string
InlinedEmbedRequests requests:InlinedEmbedRequest*
InlinedEmbedRequest request:EmbedContentRequest metadata:Struct
Content parts:Part* role:string
Part text:string inlineData:Blob functionCall:FunctionCall functionResponse:FunctionResponse
  fileData:FileData executableCode:ExecutableCode codeExecutionResult:CodeExecutionResult
  toolCall:ToolCall toolResponse:ToolResponse videoMetadata:VideoMetadata thought:bool
  thoughtSignature:bytes partMetadata:Struct mediaResolution:PartMediaResolution
Blob mimeType:string data:bytes displayName:string
FileData mimeType:string fileUri:string
FunctionCall id:string name:string args:Struct
FunctionResponse id:string name:string response:Struct parts:FunctionResponsePart* willContinue:bool
  scheduling:Scheduling
FunctionResponsePart inlineData:Blob fileData:FileData
ExecutableCode language:Language code:string id:string
CodeExecutionResult outcome:Outcome output:string id:string
ToolCall id:string toolType:string args:Struct
ToolResponse id:string toolType:string response:Struct
VideoMetadata startOffset:Duration endOffset:Duration fps:double
PartMediaResolution level:PartResolution numTokens:int32
Tool functionDeclarations:FunctionDeclaration* googleSearchRetrieval:GoogleSearchRetrieval
  codeExecution:Empty googleSearch:GoogleSearch computerUse:ComputerUse urlContext:Empty
  fileSearch:FileSearch googleMaps:GoogleMaps mcpServers:McpServer*
GoogleSearch timeRangeFilter:Interval searchTypes:Struct
Interval startTime:Timestamp endTime:Timestamp
GoogleSearchRetrieval dynamicRetrievalConfig:DynamicRetrievalConfig
DynamicRetrievalConfig mode:RetrievalMode dynamicThreshold:float
ComputerUse environment:Environment excludedPredefinedFunctions:string*
GoogleMaps enableWidget:bool
FileSearch fileSearchStoreNames:string* topK:int32 metadataFilter:string
McpServer name:string streamableHttpTransport:Struct
FunctionDeclaration name:string description:string parameters:Schema parametersJsonSchema:Value
  response:Schema responseJsonSchema:Value behavior:Behavior
Schema type:Type format:string title:string description:string nullable:bool enum:string* items:Schema
  maxItems:int64 minItems:int64 properties:<Schema> required:string* minProperties:int64
  maxProperties:int64 minimum:double maximum:double minLength:int64 maxLength:int64 pattern:string
  example:Value anyOf:Schema* propertyOrdering:string* default:Value
ToolConfig functionCallingConfig:FunctionCallingConfig retrievalConfig:RetrievalConfig
  includeServerSideToolInvocations:bool
FunctionCallingConfig mode:CallingMode allowedFunctionNames:string*
RetrievalConfig latLng:LatLng languageCode:string
LatLng latitude:double longitude:double
SafetySetting category:HarmCategory threshold:HarmBlockThreshold
GenerationConfig candidateCount:int32 stopSequences:string* maxOutputTokens:int32 temperature:float
  topP:float topK:int32 seed:int32 responseMimeType:string responseSchema:Schema responseJsonSchema:Value
  _responseJsonSchema:Value presencePenalty:float frequencyPenalty:float responseLogprobs:bool
  logprobs:int32 enableEnhancedCivicAnswers:bool responseModalities:Modality* speechConfig:SpeechConfig
  thinkingConfig:ThinkingConfig imageConfig:ImageConfig mediaResolution:MediaResolution
  responseFormat:Value
SpeechConfig voiceConfig:VoiceConfig multiSpeakerVoiceConfig:MultiSpeakerVoiceConfig languageCode:string
VoiceConfig prebuiltVoiceConfig:PrebuiltVoiceConfig
PrebuiltVoiceConfig voiceName:string
MultiSpeakerVoiceConfig speakerVoiceConfigs:SpeakerVoiceConfig*
SpeakerVoiceConfig speaker:string voiceConfig:VoiceConfig
ThinkingConfig includeThoughts:bool thinkingBudget:int32 thinkingLevel:ThinkingLevel
ImageConfig aspectRatio:string imageSize:string personGeneration:string
Empty
`;

const ENUMS = `
ServiceTier SERVICE_TIER_UNSPECIFIED STANDARD FLEX PRIORITY
TaskType TASK_TYPE_UNSPECIFIED RETRIEVAL_QUERY RETRIEVAL_DOCUMENT SEMANTIC_SIMILARITY CLASSIFICATION
  CLUSTERING QUESTION_ANSWERING FACT_VERIFICATION CODE_RETRIEVAL_QUERY
FileState STATE_UNSPECIFIED PROCESSING ACTIVE FAILED
FileSource SOURCE_UNSPECIFIED UPLOADED GENERATED REGISTERED
Scheduling SCHEDULING_UNSPECIFIED SILENT WHEN_IDLE INTERRUPT
Language LANGUAGE_UNSPECIFIED PYTHON
Outcome OUTCOME_UNSPECIFIED OUTCOME_OK OUTCOME_FAILED OUTCOME_DEADLINE_EXCEEDED
PartResolution MEDIA_RESOLUTION_UNSPECIFIED MEDIA_RESOLUTION_LOW MEDIA_RESOLUTION_MEDIUM
  MEDIA_RESOLUTION_HIGH MEDIA_RESOLUTION_ULTRA_HIGH
RetrievalMode MODE_UNSPECIFIED MODE_DYNAMIC
Environment ENVIRONMENT_UNSPECIFIED ENVIRONMENT_BROWSER
Behavior UNSPECIFIED BLOCKING NON_BLOCKING
Type TYPE_UNSPECIFIED STRING NUMBER INTEGER BOOLEAN ARRAY OBJECT NULL
CallingMode MODE_UNSPECIFIED AUTO ANY NONE VALIDATED
HarmCategory HARM_CATEGORY_UNSPECIFIED HARM_CATEGORY_DEROGATORY HARM_CATEGORY_TOXICITY
  HARM_CATEGORY_VIOLENCE HARM_CATEGORY_SEXUAL HARM_CATEGORY_MEDICAL HARM_CATEGORY_DANGEROUS
  HARM_CATEGORY_HARASSMENT HARM_CATEGORY_HATE_SPEECH HARM_CATEGORY_SEXUALLY_EXPLICIT
  HARM_CATEGORY_DANGEROUS_CONTENT HARM_CATEGORY_CIVIC_INTEGRITY
HarmBlockThreshold HARM_BLOCK_THRESHOLD_UNSPECIFIED BLOCK_LOW_AND_ABOVE BLOCK_MEDIUM_AND_ABOVE
  BLOCK_ONLY_HIGH BLOCK_NONE OFF
Modality MODALITY_UNSPECIFIED TEXT IMAGE AUDIO
MediaResolution MEDIA_RESOLUTION_UNSPECIFIED MEDIA_RESOLUTION_LOW MEDIA_RESOLUTION_MEDIUM
  MEDIA_RESOLUTION_HIGH
ThinkingLevel THINKING_LEVEL_UNSPECIFIED MINIMAL LOW MEDIUM HIGH
`;

/** Enums whose name at Google is not the one they have here. */
const ENUM_NAMES = {
  FileState: 'File.State',
  FileSource: 'File.Source',
  Scheduling: 'FunctionResponse.Scheduling',
  Language: 'ExecutableCode.Language',
  Outcome: 'CodeExecutionResult.Outcome',
  PartResolution: 'Part.MediaResolution.Level',
  RetrievalMode: 'DynamicRetrievalConfig.Mode',
  Environment: 'Tool.ComputerUse.Environment',
  Behavior: 'FunctionDeclaration.Behavior',
  CallingMode: 'FunctionCallingConfig.Mode',
  HarmBlockThreshold: 'SafetySetting.HarmBlockThreshold',
  Modality: 'GenerationConfig.Modality',
  MediaResolution: 'GenerationConfig.MediaResolution',
  ThinkingLevel: 'ThinkingConfig.ThinkingLevel',
};

/** Members of which at most one may be set. */
const ONEOF = {
  Part: [
    'data',
    'text',
    'inlineData',
    'functionCall',
    'functionResponse',
    'fileData',
    'executableCode',
    'codeExecutionResult',
    'toolCall',
    'toolResponse',
  ],
  FunctionResponsePart: ['data', 'inlineData', 'fileData'],
  CachedContent: ['expiration', 'expireTime', 'ttl'],
  InputConfig: ['source', 'requests', 'fileName'],
};

/** Names in the body that are not the camelCase of the proto name. */
const EXTRA_NAMES = {
  GenerationConfig: {
    response_json_schema: '_responseJsonSchema',
    response_json_schema_ordered: 'responseJsonSchema',
  },
};

const snake = (name) => name.replace(/[A-Z]/g, (c) => '_' + c.toLowerCase());

const enums = new Map(
  ENUMS.trim()
    .replace(/\n +/g, ' ')
    .split('\n')
    .map((row) => {
      const [name, ...values] = row.split(' ');
      return [name, values];
    }),
);

const messages = new Map(
  MESSAGES.trim()
    .replace(/\n +/g, ' ')
    .split('\n')
    .map((row) => {
      const [name, ...members] = row.split(' ');
      return [name, fieldsOf(name, members)];
    }),
);

function fieldsOf(message, members) {
  const fields = new Map();
  for (const member of members) {
    const [name, spec] = member.split(':');
    const field = {
      name,
      snake: snake(name),
      repeated: spec.endsWith('*'),
      map: spec.startsWith('<'),
      type: spec.replace(/[<>*]/g, ''),
    };
    fields.set(name, field);
    if (!name.startsWith('_')) fields.set(field.snake, field);
  }
  for (const [alias, name] of Object.entries(EXTRA_NAMES[message] || {})) fields.set(alias, fields.get(name));
  return fields;
}

const at = (path) => (path ? ` at '${path}'` : '');
const under = (path, name) => (path ? path + '.' + name : name);
const isObject = (value) => value !== null && typeof value === 'object' && !Array.isArray(value);

/**
 * Reads `value` as `message`; every disagreement is pushed to `violations` as {field, description}.
 * Returns the value with camelCase names. `path` is where it stands in the body, '' for the root.
 */
export function read(value, message, violations, path = '') {
  const fields = messages.get(message);
  const result = {};
  if (!isObject(value)) {
    violations.push({ field: path, description: `Invalid value${at(path)} (${message}), ${shown(value)}` });
    return result;
  }
  for (const name in value) {
    const field = fields.get(name);
    if (!field) {
      violations.push({
        field: path,
        description: `Invalid JSON payload received. Unknown name "${name}"${at(path)}: Cannot find field.`,
      });
    } else if (value[name] !== null || field.type === 'Value') {
      readField(value[name], field, name, violations, path, result);
    }
  }
  if (ONEOF[message]) checkOneof(result, ONEOF[message], violations, path);
  return result;
}

function checkOneof(result, [group, ...names], violations, path) {
  const set = names.filter((name) => result[name] !== undefined);
  if (set.length > 1)
    violations.push({
      field: path,
      description:
        `Invalid value${at(path)} (oneof), oneof field '${group}' is already set. `
        + `Cannot set '${set[1]}'`,
    });
}

function readField(value, field, name, violations, path, result) {
  const here = under(path, field.snake);
  if (field.map) {
    result[field.name] = readMap(value, field, violations, here);
  } else if (field.repeated) {
    const list = Array.isArray(value) ? value : [value];
    result[field.name] = list.map((item, i) => readOne(item, field, violations, `${here}[${i}]`));
  } else if (Array.isArray(value) && field.type !== 'Value' && field.type !== 'Struct') {
    violations.push({
      field: path,
      description:
        `Invalid JSON payload received. Unknown name "${name}"${at(path)}: `
        + 'Proto field is not repeating, cannot start list.',
    });
  } else {
    result[field.name] = readOne(value, field, violations, here);
  }
}

function readMap(value, field, violations, here) {
  const result = {};
  if (!isObject(value)) {
    violations.push({ field: here, description: `Invalid value at '${here}' (map), ${shown(value)}` });
    return result;
  }
  Object.keys(value).forEach((key, i) => {
    result[key] = read(value[key], field.type, violations, `${here}[${i}].value`);
  });
  return result;
}

function readOne(value, field, violations, here) {
  if (messages.has(field.type)) return read(value, field.type, violations, here);
  if (enums.has(field.type)) return readEnum(value, field.type, violations, here);
  const read1 = SCALARS[field.type](value);
  if (read1 === undefined)
    violations.push({
      field: here,
      description: `Invalid value at '${here}' (${LABEL[field.type]}), ${shown(value)}`,
    });
  return read1;
}

function readEnum(value, type, violations, here) {
  const values = enums.get(type);
  const upper = typeof value === 'string' ? value.toUpperCase() : values[value];
  if (values.includes(upper)) return upper;
  violations.push({
    field: here,
    description:
      `Invalid value at '${here}' (type.googleapis.com/google.ai.generativelanguage.v1beta.`
      + `${ENUM_NAMES[type] || type}), ${shown(value)}`,
  });
  return undefined;
}

function shown(value) {
  const text = JSON.stringify(value);
  return text.length > 120 ? text.slice(0, 117) + '...' : text;
}

const LABEL = {
  string: 'TYPE_STRING',
  bool: 'TYPE_BOOL',
  int32: 'TYPE_INT32',
  int64: 'TYPE_INT64',
  float: 'TYPE_FLOAT',
  double: 'TYPE_DOUBLE',
  bytes: 'TYPE_BYTES',
  Struct: 'type.googleapis.com/google.protobuf.Struct',
  Value: 'type.googleapis.com/google.protobuf.Value',
  Duration: 'type.googleapis.com/google.protobuf.Duration',
  Timestamp: 'type.googleapis.com/google.protobuf.Timestamp',
};

function integer(value, min, max) {
  const number = typeof value === 'string' && /^-?\d+$/.test(value) ? Number(value) : value;
  return Number.isInteger(number) && number >= min && number <= max ? number : undefined;
}

function real(value) {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? number : undefined;
}

const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/;

const SCALARS = {
  string: (v) => (typeof v === 'string' ? v : undefined),
  bool: (v) => (typeof v === 'boolean' ? v : undefined),
  int32: (v) => integer(v, -2147483648, 2147483647),
  int64: (v) => integer(v, -Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER),
  float: real,
  double: real,
  bytes: (v) =>
    typeof v === 'string' && BASE64.test(v) && v.replace(/=+$/, '').length % 4 !== 1 ? v : undefined,
  Struct: (v) => (isObject(v) ? v : undefined),
  Value: (v) => v,
  Duration: (v) => (typeof v === 'string' && /^-?\d+(\.\d{1,9})?s$/.test(v) ? v : undefined),
  Timestamp: (v) =>
    typeof v === 'string' && /^\d{4}-\d\d-\d\dT.*(Z|[+-]\d\d:\d\d)$/.test(v) && !Number.isNaN(Date.parse(v))
      ? v
      : undefined,
};
