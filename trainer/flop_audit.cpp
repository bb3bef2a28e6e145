// SPDX-License-Identifier: Apache-2.0
#include "trainer/flop_audit.hpp"

namespace ergon {

void FlopAudit::attention(const AttentionWork& work, std::int64_t head_width) {
  const auto per_pair =
      static_cast<unsigned __int128>(2) * static_cast<unsigned __int128>(head_width) * static_cast<unsigned>(work.matmuls);
  attention_[index()] += Flops{per_pair * static_cast<unsigned __int128>(work.pairs_computed)};
  visible_[index()] += Flops{per_pair * static_cast<unsigned __int128>(work.pairs_visible)};
  declared_ = declared_ || work.declared;
}

}  // namespace ergon
