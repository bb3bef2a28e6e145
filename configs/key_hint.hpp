// SPDX-License-Identifier: Apache-2.0
// What to say of a key that the table does not hold.
#pragma once

#include <string>

namespace ergon {

// "did you mean 'train.steps'?": the key of this name in another section, else a similar one in the same section, else a similar one
// anywhere; when nothing is near, where all keys are listed.
std::string key_hint(const std::string& unknown);

}  // namespace ergon
