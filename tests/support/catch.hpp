// SPDX-License-Identifier: Apache-2.0
// Catch2 as the distribution has it: version 2 on Debian 12, version 3 on later ones. Included last (.clang-format sees to it): some headers
// of LibTorch define a CHECK that ends the process, without a word, in place of Catch's.
#pragma once

#ifdef ERGON_CATCH2_V2
#include <catch2/catch.hpp>
#else
#include <catch2/catch_all.hpp>
using Catch::Approx;
#endif
