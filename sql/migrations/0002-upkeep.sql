-- SPDX-License-Identifier: MIT
-- Upkeep: settings of more kinds.

alter table pollux.setting
    drop constraint setting_kind_check,
    add constraint setting_kind_check
        check (kind in ('integer', 'number', 'boolean', 'choice', 'text', 'list')),
    alter column least type numeric,
    alter column most type numeric,
    add column pattern text,
    add column refusal text;
comment on column pollux.setting.kind is
    'integer, number (with a fraction), boolean (on or off), choice (one of choices), text, or list (texts '
    'without blanks, separated by commas).';
comment on column pollux.setting.least is
    'Smallest number allowed; of a text the fewest characters, of a list the fewest items.';
comment on column pollux.setting.most is
    'Largest number allowed; of a text the most characters, of a list the most items.';
comment on column pollux.setting.unit is 'Unit of a number.';
comment on column pollux.setting.pattern is
    'Regular expression that a text or each item of a list has to match as a whole; null: none.';
comment on column pollux.setting.refusal is
    'Function (text) returning text that answers what is wrong with a value, or null; null: none.';
