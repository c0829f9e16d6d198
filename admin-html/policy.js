// SPDX-License-Identifier: MIT
export const policy = () => null;
