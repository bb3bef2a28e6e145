// SPDX-License-Identifier: Apache-2.0
// Catch2 as the distribution has it: version 2 on Debian 12, version 3 on later ones.
#pragma once

#ifdef ERGON_CATCH2_V2
#include <catch2/catch.hpp>
#else
#include <catch2/catch_all.hpp>
using Catch::Approx;
#endif
