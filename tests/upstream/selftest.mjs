// SPDX-License-Identifier: MIT
// All tests of the simulator in one process: node --test tests/upstream/selftest.mjs

import './quota.test.mjs';
import './errors.test.mjs';
import './framing.test.mjs';
import './answers.test.mjs';
import './strict.test.mjs';
import './resources.test.mjs';
import './stats.test.mjs';
import './oauth.test.mjs';
