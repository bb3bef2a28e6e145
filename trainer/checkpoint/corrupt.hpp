// SPDX-License-Identifier: Apache-2.0
// The Error of a checkpoint that does not verify: loading steps back from it and sets it aside. An Error of any other kind (a disk that
// does not answer, a tensor that the model asks for and the checkpoint lacks) says nothing against the checkpoint and ends the load.
#pragma once

#include <string>

#include "configs/error.hpp"

namespace ergon {

class Corrupt : public Error {
 public:
  Corrupt(std::string what, std::string where)
      : Error(std::move(what), std::move(where), "`ergon checkpoint verify` says what else is wrong with it", ExitCode::data) {}
};

}  // namespace ergon
