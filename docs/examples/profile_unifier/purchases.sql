create table buyers (
    buyer_no integer primary key,
    full_name text not null,
    mail text,
    login text,
    changed_at datetime not null
);

create table purchases (
    purchase_no integer not null,
    position integer not null,
    buyer_no integer references buyers,
    article text not null,
    pieces integer not null,
    price decimal(8, 2) not null,
    bought_at datetime not null,
    primary key (purchase_no, position)
);

insert into buyers values
    (100, 'Ada Sample', 'ada.sample@mail.example ', null, '2026-01-06 10:00:00'),
    (101, 'Bo Specimen', 'BO@mail.example', null, '2026-01-06 11:00:00'),
    (102, 'Cy Placeholder', 'cy.at.work@mail.example', 'u-3', '2026-01-06 12:00:00'),
    (103, 'Dee Dummy', 'dee@mail.example', null, '2026-01-06 13:00:00');

insert into purchases values
    (9001, 1, 100, 'Teapot', 1, 24.90, '2026-01-06 10:00:00'),
    (9001, 2, 100, 'Cup', 4, 3.55, '2026-01-06 10:00:00'),
    (9002, 1, 101, 'Cup', 1, 3.55, '2026-01-06 11:00:00'),
    (9003, 1, 102, 'Teapot', 2, 24.90, '2026-01-06 12:00:00'),
    (9003, 2, 102, 'Teapot', -1, 24.90, '2026-01-07 12:00:00'),
    (9004, 1, 103, 'Kettle', 1, 59.00, '2026-01-06 13:00:00'),
    (9005, 1, null, 'Cup', 2, 3.55, '2026-01-06 14:00:00');
