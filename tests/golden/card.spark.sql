-- creditscore.scorecard/1 sha256 9824e35529f7ed86af45f7da10b035e3f3d9630f30b0ef0adccf4e23065ad709; a higher score is a lower risk
SELECT
  `t2`.`subject_id`,
  `t2`.`as_of`,
  `t2`.`p_arrears`,
  `t2`.`p_share`,
  `t2`.`p_grade`,
  `t2`.`p_training`,
  `t2`.`p_age`,
  CAST(512 + `t2`.`p_grade` AS INT) AS `points_base`,
  `t2`.`p_share` AS `points_public`,
  `t2`.`p_age` AS `points_industry`,
  `t2`.`p_arrears` AS `points_market`,
  `t2`.`p_training` AS `points_self_declared`,
  CAST(`t2`.`score` AS INT) AS `score`,
  CAST(CAST(FLOOR(
    (
      1000000.0 / (
        EXP(
          (
            (
              `t2`.`score` - 600
            ) * CAST('0.03465735902799726' AS DOUBLE)
          ) + CAST('3.912023005428146' AS DOUBLE)
        ) + 1
      )
    ) + CAST('0.5' AS DOUBLE)
  ) AS BIGINT) AS INT) AS `probability_ppm`
FROM (
  SELECT
    `t1`.`subject_id`,
    `t1`.`as_of`,
    `t1`.`p_arrears`,
    `t1`.`p_share`,
    `t1`.`p_grade`,
    `t1`.`p_training`,
    `t1`.`p_age`,
    512 + `t1`.`p_arrears` + `t1`.`p_share` + `t1`.`p_grade` + `t1`.`p_training` + `t1`.`p_age` AS `score`
  FROM (
    SELECT
      `t0`.`subject_id`,
      `t0`.`as_of`,
      CASE
        WHEN `t0`.`arrears` < 1
        THEN CASE
          WHEN `t0`.`arrears` >= CAST('-1.7976931348623157e+308' AS DOUBLE)
          THEN 12
          ELSE -6
        END
        WHEN `t0`.`arrears` < 3
        THEN -4
        WHEN `t0`.`arrears` <= CAST('1.7976931348623157e+308' AS DOUBLE)
        THEN -31
        ELSE -6
      END AS `p_arrears`,
      CASE
        WHEN `t0`.`share` = -9
        THEN -11
        WHEN `t0`.`share` = CAST('0.2' AS DOUBLE)
        THEN 5
        WHEN `t0`.`share` < CAST('0.1' AS DOUBLE)
        THEN CASE
          WHEN `t0`.`share` >= CAST('-1.7976931348623157e+308' AS DOUBLE)
          THEN -20
          ELSE 2
        END
        WHEN `t0`.`share` < CAST('0.30000000000000004' AS DOUBLE)
        THEN -3
        WHEN `t0`.`share` < CAST('2.5' AS DOUBLE)
        THEN 8
        WHEN `t0`.`share` <= CAST('1.7976931348623157e+308' AS DOUBLE)
        THEN 17
        ELSE 2
      END AS `p_share`,
      CASE
        WHEN `t0`.`grade` IN ('优')
        THEN 25
        WHEN `t0`.`grade` IN ('良', 'it\'s')
        THEN 9
        WHEN `t0`.`grade` IN ('差')
        THEN -40
        WHEN `t0`.`grade` IS NULL
        THEN -2
        ELSE -7
      END AS `p_grade`,
      CASE
        WHEN `t0`.`training` < 1
        THEN 0
        WHEN `t0`.`training` < 5
        THEN 3
        WHEN `t0`.`training` <= CAST('1.7976931348623157e+308' AS DOUBLE)
        THEN 6
        ELSE 0
      END AS `p_training`,
      CASE
        WHEN `t0`.`age` < 12
        THEN CASE
          WHEN `t0`.`age` >= CAST('-1.7976931348623157e+308' AS DOUBLE)
          THEN -8
          ELSE 0
        END
        WHEN `t0`.`age` <= CAST('1.7976931348623157e+308' AS DOUBLE)
        THEN 6
        ELSE 0
      END AS `p_age`
    FROM `features` AS `t0`
  ) AS `t1`
) AS `t2`
