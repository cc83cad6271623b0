// The product of amx_tile.h, in the processor's matrix unit or in software.
#pragma once
#include "pair_tile.h"

namespace diffract
{
// Whether the processor has the unit, the system lets this process use it, and a known product came out right.
bool amx_works();

void multiply_by_amx(const PairProduct& p, int64_t vectors);
void multiply_in_software(const PairProduct& p, int64_t vectors);
} // namespace diffract
