-- Writes users, normalized_usernames and revoked_tokens as INSERT statements (docs/REPLAY.md). Times are numbers, so that no time zone matters.
START TRANSACTION WITH CONSISTENT SNAPSHOT;
SELECT 'START TRANSACTION;';
SELECT CONCAT('INSERT INTO users (id,username,kind,password_hash,created_at) VALUES (', id, ',X''', HEX(username), ''',''',
  kind, ''',''', password_hash, ''',FROM_UNIXTIME(', UNIX_TIMESTAMP(created_at), '));') FROM users ORDER BY id;
SELECT CONCAT('INSERT INTO normalized_usernames (normalized,user_id) VALUES (X''', HEX(normalized), ''',', user_id, ');')
  FROM normalized_usernames ORDER BY user_id;
SELECT CONCAT('INSERT INTO revoked_tokens (jti,expires_at) VALUES (X''', HEX(jti), ''',', expires_at, ');')
  FROM revoked_tokens ORDER BY jti;
SELECT 'COMMIT;';
